// TanStack AI's connection: a thread is a task, a run the answer to one message, and `persistence: true` goes on with it anywhere.
import { EventType, type ModelMessage, type StreamChunk, type UIMessage } from "@tanstack/ai/client";
import type { ResumableConnectConnectionAdapter } from "@tanstack/ai-client";
import { Conversation, type ConversationOptions, type Message, type Part, type Step } from "./conversation.js";
import type { ToolCall } from "./segue/task_client.js";

type MessagePart = UIMessage["parts"][number];

export type SegueConnection = ResumableConnectConnectionAdapter & { readonly conversation: Conversation };

export function segueConnection(options: ConversationOptions): SegueConnection {
  const conversation = new Conversation(options);
  return {
    conversation,
    async *connect(messages, _data, signal, context) {
      const runId = context?.runId ?? crypto.randomUUID();
      const said = lastSaid(messages, runId);
      const asked = await conversation.say(said.id, said.text);
      yield* run(conversation, asked, { threadId: context?.threadId ?? conversation.task_id, runId }, signal);
    },
    async *joinRun(runId, signal) {
      yield* run(conversation, Number(runId.replace(/^answer-/, "")), { threadId: conversation.task_id, runId }, signal);
    },
    async hydrate() {
      const open = await conversation.openTurn();
      const messages = (await conversation.history({ until: open })).flatMap(shown);
      return { messages, activeRun: open === null ? null : { runId: `answer-${open}` }, interrupts: null };
    },
  };
}

async function* run(
  conversation: Conversation,
  asked: number,
  of: { threadId: string; runId: string },
  signal?: AbortSignal,
): AsyncGenerator<StreamChunk> {
  const told = new Told();
  yield { type: EventType.RUN_STARTED, ...of };
  for await (const step of conversation.answer(asked, signal)) {
    yield* told.step(step);
    if (step.type === "text-gone") yield await wholeThread(conversation);
  }
  if (!signal?.aborted) yield { type: EventType.RUN_FINISHED, ...of, finishReason: "stop" };
}

/** What the SDK was told. Each text and each call is a message of its own: the SDK joins the texts of one message. */
class Told {
  #texts = new Set<string>();
  #calls = new Set<string>();

  *step(step: Step): Generator<StreamChunk> {
    if (step.type === "text") {
      if (!this.#texts.has(step.id)) yield { type: EventType.TEXT_MESSAGE_START, messageId: step.id, role: "assistant" };
      this.#texts.add(step.id);
      yield { type: EventType.TEXT_MESSAGE_CONTENT, messageId: step.id, delta: step.delta };
    }
    if (step.type === "text-done") yield { type: EventType.TEXT_MESSAGE_END, messageId: step.id };
    if (step.type === "text-gone") this.#texts.delete(step.id);
    if (step.type === "call") yield* this.#call(step.call);
  }

  *#call(call: ToolCall): Generator<StreamChunk> {
    const { call_id: toolCallId } = call;
    if (!this.#calls.has(toolCallId)) {
      this.#calls.add(toolCallId);
      const metadata = { providerExecuted: true, title: call.title }; // not the page's to execute
      yield { type: "TOOL_CALL_START", toolCallId, toolCallName: call.tool, parentMessageId: callId(call), metadata };
      yield { type: EventType.TOOL_CALL_ARGS, toolCallId, delta: JSON.stringify(call.arguments) };
      yield { type: "TOOL_CALL_END", toolCallId, input: call.arguments };
    }
    if (!isOver(call)) return;
    const metadata = call.state === "succeeded" ? {} : { tanstack: { state: "output-error" } };
    yield { type: EventType.TOOL_CALL_RESULT, messageId: callId(call), toolCallId, content: outputOf(call), metadata };
  }
}

/** The SDK takes back nothing that it was told: it gets all that is left. */
async function wholeThread(conversation: Conversation): Promise<StreamChunk> {
  const messages = (await conversation.history()).flatMap(shown);
  return { type: EventType.MESSAGES_SNAPSHOT, messages: messages.flatMap(wired) } as StreamChunk;
}

function wired({ id, role, parts }: UIMessage): object[] {
  return parts.flatMap((part): object[] => {
    if (part.type === "text") return [{ id, role, content: part.content }];
    if (part.type === "tool-result") return [{ id: `${id}-result`, role: "tool", toolCallId: part.toolCallId, content: part.content }];
    if (part.type !== "tool-call") return [];
    return [{ id, role, toolCalls: [{ id: part.id, type: "function", function: { name: part.name, arguments: part.arguments } }] }];
  });
}

function shown({ id, role, at, parts }: Message): UIMessage[] {
  const createdAt = new Date(at * 1000);
  if (role === "user") return [{ id, role, createdAt, parts: parts.flatMap(partsOf) }];
  return parts.map((part) => ({ id: part.type === "text" ? part.id : callId(part.call), role, createdAt, parts: partsOf(part) }));
}

function partsOf(part: Part): MessagePart[] {
  if (part.type === "text") return [{ type: "text", content: part.text }];
  const { call } = part;
  const { call_id: id, tool: name, arguments: input } = call;
  const state = isOver(call) ? (call.state === "succeeded" ? "complete" : "error") : "input-complete";
  const called = { type: "tool-call", id, name, arguments: JSON.stringify(input), input, metadata: { providerExecuted: true, title: call.title } };
  if (!isOver(call)) return [{ ...called, state } as MessagePart];
  const result = { type: "tool-result", toolCallId: id, content: outputOf(call), state: state === "error" ? "error" : "complete" };
  return [{ ...called, state, output: call.result } as MessagePart, result as MessagePart];
}

const callId = ({ call_id }: ToolCall) => `call-${call_id}`;
const isOver = ({ state }: ToolCall) => ["succeeded", "failed", "cancelled"].includes(state);
const outputOf = ({ state, result, error }: ToolCall) => JSON.stringify((state === "succeeded" ? result : (error ?? { error: state })) ?? null);

function lastSaid(messages: (UIMessage | ModelMessage)[], runId: string): { id: string; text: string } {
  const last = messages.at(-1);
  if (last?.role !== "user") throw new Error("a task goes on with what a person says; decide about tool calls with decide()");
  const parts = "parts" in last ? last.parts : typeof last.content === "string" ? [{ type: "text", content: last.content }] : (last.content ?? []);
  if (parts.some(({ type }) => type !== "text")) throw new Error("a message of a task is text; files go into its artifacts");
  const text = parts.map((part) => String((part as { content?: unknown }).content ?? "")).join("");
  return { id: "id" in last && typeof last.id === "string" ? last.id : runId, text };
}
