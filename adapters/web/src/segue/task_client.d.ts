import type { Grant } from "./grant.js";
import type { Answer } from "./proved_fetch.js";

export interface Actor {
  sub: string;
  client_id: string | null;
  device_id: string | null;
}

/** One event of the log (specs/protocol.md section 8). */
export interface TaskEvent {
  seq: number;
  kind: string;
  role: string;
  at: number;
  actor: Actor;
  session_id: string | null;
  body: Answer;
}

/** An answer while it is written. */
export interface Draft {
  draft_id: string;
  role: string;
  actor: Actor;
  text: string;
  interrupted: boolean;
}

export type CallState = "proposed" | "approved" | "claimed" | "running" | "unknown" | "succeeded" | "failed" | "cancelled";

export interface ToolCall {
  call_id: string;
  tool: string;
  title: string;
  arguments: Record<string, unknown>;
  effect: "pure" | "idempotent" | "reconcilable" | "irreversible";
  state: CallState;
  attempt: number;
  fence: string | null;
  downstream_key: string | null;
  result: unknown;
  error: unknown;
  proposed_seq: number;
  [member: string]: unknown;
}

export interface Resumed {
  task: Answer;
  events: TaskEvent[];
  tool_calls: ToolCall[];
  cursor: number;
  [member: string]: any;
}

/** What a stream tells beside the log: `delta`, `draft-gone` and `presence`. */
export type LiveEvent = "delta" | "draft-gone" | "presence";

export type Verb = "approve" | "deny" | "claim" | "start" | "heartbeat" | "complete" | "fail" | "cancel" | "settle";

export declare class TaskClient {
  constructor(grant: Grant, store: string);
  resume(): Promise<Resumed>;
  toolCalls(before?: number): Promise<ToolCall[]>;
  toolCall(call_id: string): Promise<ToolCall>;
  eventsAfter(after: number, limit: number): Promise<TaskEvent[]>;
  join(name: string): Promise<Answer>;
  append(
    events: { kind: string; role: string; body: Answer }[],
    options: { key?: string; session_id?: string },
  ): Promise<{ first: number; last: number }>;
  beginDraft(role: string): Promise<{ draft_id: string; length: number }>;
  growDraft(draft_id: string, offset: number, text: string): Promise<{ draft_id: string; length: number }>;
  interruptDraft(draft_id: string): Promise<Answer>;
  drafts(): Promise<Draft[]>;
  attend(state: "here" | "away" | "typing", session_id: string): Promise<Answer>;
  createItem(item_id: string, item: Answer, key?: string): Promise<Answer>;
  rename(name: string, version: number): Promise<Answer>;
  proposeName(name: string, key?: string): Promise<Answer>;
  declineName(seq: number): Promise<Answer>;
  changeStatus(to: string): Promise<Answer>;
  propose(call: Answer, key?: string): Promise<ToolCall>;
  step(call_id: string, verb: Verb, members: Answer, key?: string): Promise<ToolCall>;
  follow(
    after: number,
    heard: {
      signal: AbortSignal;
      onConnection: (connection: "live" | "reconnecting") => void;
      onLive?: (event: LiveEvent, data: Answer) => void;
    },
  ): AsyncGenerator<TaskEvent>;
}
