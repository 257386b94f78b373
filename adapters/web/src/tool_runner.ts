// Runs tool calls of a task on this page, each once: whoever holds one goes on with it, and a device that lost the task stops.
import { Refused } from "./segue/proved_fetch.js";
import type { TaskClient, ToolCall } from "./segue/task_client.js";

const LEASE = 30; // seconds
const LATER = 5_000; // milliseconds after which a call that somebody else holds is looked at again
const TASK_LOST = ["stale-epoch", "insufficient_scope", "not-your-role"];
const CALL_LOST = ["fenced", ...TASK_LOST];

/** Name `downstream_key` to the system that has the effect: it is the same on every device that tries. */
export interface Run {
  call_id: string;
  arguments: Record<string, unknown>;
  downstream_key: string;
  attempt: number;
  /** Says when another device goes on with the call. */
  signal: AbortSignal;
}

export type Tools = Record<string, (run: Run) => Promise<unknown>>;

/** Run what the task asks of `tools`, until `signal` says stop. Returns when another device goes on with the task. */
export async function runTools(client: TaskClient, tools: Tools, { signal, lease = LEASE }: { signal: AbortSignal; lease?: number }): Promise<void> {
  const lost = new AbortController();
  const over = AbortSignal.any([signal, lost.signal]);
  const busy = new Set<string>();
  const beats = new Set<() => void>();

  const consider = async () => {
    for (const call of (await client.resume()).tool_calls) if (tools[call.tool] && isRunnable(call)) hold(call);
  };
  const hold = async (call: ToolCall) => {
    if (busy.has(call.call_id) || over.aborted) return;
    busy.add(call.call_id);
    try {
      await navigator.locks.request(`segue-call-${call.call_id}`, { signal: over }, () => runOne(client, call, tools[call.tool]!, { over, lease, beats }));
    } catch (failure) {
      if (isOne(failure, TASK_LOST)) return lost.abort();
      setTimeout(() => !over.aborted && consider().catch(() => {}), LATER);
    } finally {
      busy.delete(call.call_id);
    }
  };

  const { cursor } = await client.resume();
  await consider();
  for await (const event of client.follow(cursor, { signal: over, onConnection: () => {} })) {
    if (event.kind === "task.moved") beats.forEach((beat) => beat()); // which tells whether it moved away from here
    if (event.kind.startsWith("tool_call.")) await consider().catch(() => {}); // the next event asks again
  }
}

/** Of those that run, others are left alone: to repeat them could do harm twice. */
const isRunnable = ({ state, effect }: ToolCall) =>
  ["approved", "claimed"].includes(state) || (state === "running" && ["pure", "idempotent"].includes(effect));

type Holding = { over: AbortSignal; lease: number; beats: Set<() => void> };

async function runOne(client: TaskClient, { call_id }: ToolCall, tool: Tools[string], { over, lease, beats }: Holding): Promise<void> {
  const now = await client.toolCall(call_id);
  if (!isRunnable(now)) return;
  const held = now.fence ? now : await client.step(call_id, "claim", { lease });
  if (!held.fence || !held.downstream_key) return; // it has ended, or needs somebody to look
  const grip = { fence: held.fence, lease };
  if (held.state !== "running") await client.step(call_id, "start", grip, `start-${call_id}-${held.fence}`);
  const fenced = new AbortController();
  const signal = AbortSignal.any([over, fenced.signal]);
  const beat = () => void client.step(call_id, "heartbeat", grip).catch((failure) => isOne(failure, CALL_LOST) && fenced.abort(failure));
  const beating = setInterval(beat, (lease * 1000) / 3);
  beats.add(beat);
  try {
    const { arguments: given, downstream_key, attempt } = held;
    const ended = await outcome(tool({ call_id, arguments: given, downstream_key, attempt, signal }));
    if ("error" in ended) signal.throwIfAborted(); // it was told to stop, which is no failure: whoever holds the call next goes on
    const [verb, members] = "result" in ended ? (["complete", ended] as const) : (["fail", ended] as const);
    await client.step(call_id, verb, { fence: held.fence, ...members }, `${verb}-${call_id}-${held.fence}`);
  } finally {
    clearInterval(beating);
    beats.delete(beat);
  }
}

async function outcome(running: Promise<unknown>): Promise<{ result: unknown } | { error: { message: string } }> {
  try {
    return { result: (await running) ?? null };
  } catch (failure) {
    return { error: { message: String((failure as Error)?.message ?? failure).slice(0, 2000) } };
  }
}

const isOne = (failure: unknown, errors: string[]) => failure instanceof Refused && errors.includes(failure.error);
