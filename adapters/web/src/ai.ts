// The Vercel AI SDK's transport: a chat is a task, an answer the stream of its draft, and any device can go on with it.
import type { ChatTransport, UIMessage, UIMessageChunk } from "ai";
import { Conversation, type ConversationOptions, type Message, type Part, type Step } from "./conversation.js";
import type { ToolCall } from "./segue/task_client.js";

type Sending<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>["sendMessages"]>[0];
type Reconnecting<UI_MESSAGE extends UIMessage> = Parameters<ChatTransport<UI_MESSAGE>["reconnectToStream"]>[0];
type ToolPart = Extract<UIMessage["parts"][number], { type: "dynamic-tool" }>;

export class SegueChatTransport<UI_MESSAGE extends UIMessage = UIMessage> implements ChatTransport<UI_MESSAGE> {
  readonly resumeStreamIsReplay = true;
  readonly conversation: Conversation;

  constructor(options: ConversationOptions) {
    this.conversation = new Conversation(options);
  }

  /** Everything that was said, for `messages` of the chat. An answer that is being written is there as far as it is in the log. */
  async history(): Promise<UI_MESSAGE[]> {
    return (await this.conversation.history()).map(shown) as UI_MESSAGE[];
  }

  async sendMessages({ messages, abortSignal }: Sending<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk>> {
    const last = messages.at(-1);
    if (last?.role !== "user") throw new Error("a task goes on with what a person says; decide about tool calls with decide()");
    const asked = await this.conversation.say(last.id, textOf(last));
    return streamOf(chunks(this.conversation, asked, abortSignal));
  }

  async reconnectToStream({ abortSignal }: Reconnecting<UI_MESSAGE>): Promise<ReadableStream<UIMessageChunk> | null> {
    const asked = await this.conversation.openTurn();
    return asked === null ? null : streamOf(chunks(this.conversation, asked, abortSignal));
  }
}

async function* chunks(conversation: Conversation, asked: number, signal?: AbortSignal): AsyncGenerator<UIMessageChunk> {
  const told = new Told();
  yield { type: "start", messageId: `answer-${asked}` };
  for await (const step of conversation.answer(asked, signal)) yield* told.step(step);
}

/** What the SDK was told, so that it is told in its own order. */
class Told {
  #open = new Set<string>(); // texts
  #calls = new Set<string>();
  #waiting = new Set<string>(); // calls that a person has to approve
  #last: string | null = null; // text of the step that is last

  *step(step: Step): Generator<UIMessageChunk> {
    switch (step.type) {
      case "text":
        return yield* this.#text(step);
      case "text-done":
        if (this.#open.delete(step.id)) yield { type: "text-end", id: step.id };
        return;
      case "text-gone": // the SDK takes back the last step alone
        if (this.#open.delete(step.id)) yield { type: "text-end", id: step.id };
        if (this.#last === step.id) yield { type: "reset-step" };
        return;
      case "call":
        return yield* this.#call(step.call);
      case "ended":
        yield { type: "finish", finishReason: step.interrupted ? "interrupted" : "stop" };
    }
  }

  *#text({ id, delta }: { id: string; delta: string }): Generator<UIMessageChunk> {
    if (!this.#open.has(id)) {
      yield { type: "start-step" };
      yield { type: "text-start", id };
      this.#open.add(id);
      this.#last = id;
    }
    yield { type: "text-delta", id, delta };
  }

  *#call(call: ToolCall): Generator<UIMessageChunk> {
    const { call_id: toolCallId, tool: toolName, title, arguments: input, state } = call;
    const of = { toolCallId, dynamic: true, providerExecuted: true } as const; // not the page's to execute
    if (!this.#calls.has(toolCallId)) {
      this.#calls.add(toolCallId);
      this.#last = null;
      yield { type: "start-step" };
      yield { type: "tool-input-available", ...of, toolName, title, input };
    }
    if (state === "proposed" && !this.#waiting.has(toolCallId)) {
      this.#waiting.add(toolCallId);
      yield { type: "tool-approval-request", toolCallId, approvalId: toolCallId };
    } else if (state !== "proposed" && this.#waiting.delete(toolCallId)) {
      yield { type: "tool-approval-response", approvalId: toolCallId, approved: !isDenied(call) };
    }
    if (state === "succeeded") yield { type: "tool-output-available", ...of, output: call.result };
    else if (isDenied(call)) yield { type: "tool-output-denied", toolCallId };
    else if (hasFailed(call)) yield { type: "tool-output-error", ...of, errorText: errorOf(call) };
  }
}

function shown({ id, role, parts }: Message): UIMessage {
  if (role === "user") return { id, role, parts: parts.map(partOf) };
  return { id, role, parts: parts.flatMap((part) => [{ type: "step-start" as const }, partOf(part)]) };
}

function partOf(part: Part): UIMessage["parts"][number] {
  return part.type === "text" ? { type: "text", text: part.text, state: "done" } : toolPart(part.call);
}

function toolPart(call: ToolCall): ToolPart {
  const { call_id: toolCallId, tool: toolName, title, arguments: input } = call;
  const of = { type: "dynamic-tool", toolCallId, toolName, title, input, providerExecuted: true } as const;
  const approval = { id: toolCallId };
  if (call.state === "proposed") return { ...of, state: "approval-requested", approval };
  if (call.state === "succeeded") return { ...of, state: "output-available", output: call.result };
  if (isDenied(call)) return { ...of, state: "output-denied", approval: { ...approval, approved: false } };
  if (hasFailed(call)) return { ...of, state: "output-error", errorText: errorOf(call) };
  return { ...of, state: "input-available" };
}

const hasFailed = ({ state }: ToolCall) => state === "failed" || state === "cancelled";
const isDenied = ({ state, error }: ToolCall) => state === "cancelled" && typeof error === "object" && error !== null && "denied" in error;

function errorOf({ state, error }: ToolCall): string {
  const message = (error as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : error ? JSON.stringify(error) : state;
}

/** A task keeps words in its log and files among its artifacts. */
function textOf({ parts }: UIMessage): string {
  if (parts.some(({ type }) => type !== "text")) throw new Error("a message of a task is text; files go into its artifacts");
  return parts.map((part) => (part.type === "text" ? part.text : "")).join("");
}

function streamOf(chunks: AsyncGenerator<UIMessageChunk>): ReadableStream<UIMessageChunk> {
  return new ReadableStream({
    async pull(controller) {
      try {
        const { value, done } = await chunks.next();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (failure) {
        controller.error(failure);
      }
    },
    async cancel() {
      await chunks.return(undefined);
    },
  });
}
