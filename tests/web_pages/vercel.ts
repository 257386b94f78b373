// A chat of the Vercel AI SDK without a framework: its own chat, and a state that draws itself.
import { SegueChatTransport } from "@segue/chat/ai";
import { AbstractChat, type ChatState, type ChatStatus, type UIMessage, type UIMessageChunk } from "ai";
import { draw, heard, openDevice, type Shown } from "./device.js";

class DrawnState implements ChatState<UIMessage> {
  #status: ChatStatus = "ready";
  #error: Error | undefined;
  #messages: UIMessage[];

  constructor(messages: UIMessage[]) {
    this.#messages = messages;
    this.#draw();
  }

  get status() { return this.#status; }
  set status(status) { this.#status = status; this.#draw(); }
  get error() { return this.#error; }
  set error(error) { this.#error = error; this.#draw(); }
  get messages() { return this.#messages; }
  set messages(messages) { this.#messages = messages; this.#draw(); }

  pushMessage = (message: UIMessage) => { this.messages = [...this.messages, message]; };
  popMessage = () => { this.messages = this.messages.slice(0, -1); };
  replaceMessage = (index: number, message: UIMessage) => { this.messages = this.messages.with(index, message); };
  snapshot = <Thing>(thing: Thing): Thing => structuredClone(thing);

  #draw() {
    draw({ messages: this.#messages.map(shown), status: this.#status, error: this.#error });
  }
}

class Chat extends AbstractChat<UIMessage> {
  constructor({ messages, transport }: { messages: UIMessage[]; transport: SegueChatTransport }) {
    super({ transport, state: new DrawnState(messages), onToolCall: refuse });
  }
}

function refuse(): never {
  throw new Error("the page was asked to run a tool");
}

function shown({ id, role, parts }: UIMessage): Shown {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.text] : []));
  const calls = parts.flatMap((part) => (part.type === "dynamic-tool"
    ? [{ id: part.toolCallId, name: part.toolName, state: part.state, output: part.output }]
    : []));
  return { id, role, texts, calls };
}

/** Records what was told, before the chat takes it. */
class HeardTransport extends SegueChatTransport {
  override async sendMessages(options: Parameters<SegueChatTransport["sendMessages"]>[0]) {
    return recorded(await super.sendMessages(options));
  }

  override async reconnectToStream(options: Parameters<SegueChatTransport["reconnectToStream"]>[0]) {
    const stream = await super.reconnectToStream(options);
    return stream && recorded(stream);
  }
}

function recorded(stream: ReadableStream<UIMessageChunk>): ReadableStream<UIMessageChunk> {
  return stream.pipeThrough(new TransformStream({
    transform(chunk, controller) {
      if (chunk.type === "text-delta") heard(chunk.id, chunk.delta);
      controller.enqueue(chunk);
    },
  }));
}

const device = await openDevice();
if (device) {
  const transport = new HeardTransport(device);
  const chat = new Chat({ transport, messages: await transport.history() });
  const { conversation } = transport;
  const driven = {
    say: (text: string) => void chat.sendMessage({ text }),
    again: () => void chat.regenerate(),
    interrupt: () => conversation.interrupt(),
    decide: (call_id: string, approved: boolean) => conversation.decide(call_id, approved),
  };
  Object.assign(window, { chat: driven });
  void chat.resumeStream();
}
document.body.dataset.opened = "true";
