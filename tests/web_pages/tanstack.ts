// A chat of TanStack AI without a framework: its own client, drawn at each change.
import { segueConnection } from "@segue/chat/tanstack";
import { ChatClient, type UIMessage } from "@tanstack/ai-client";
import { draw, heard, openDevice, type Shown } from "./device.js";

function shown({ id, role, parts }: UIMessage): Shown {
  const texts = parts.flatMap((part) => (part.type === "text" ? [part.content] : []));
  const calls = parts.flatMap((part) => (part.type === "tool-call"
    ? [{ id: part.id, name: part.name, state: part.state, output: part.output }]
    : []));
  return { id, role, texts, calls };
}

const device = await openDevice();
if (device) {
  const connection = segueConnection(device);
  const now: { messages: UIMessage[]; status: string; error: Error | undefined } = { messages: [], status: "ready", error: undefined };
  const change = (changed: Partial<typeof now>) => {
    Object.assign(now, changed);
    draw({ ...now, messages: now.messages.map(shown) });
  };
  const client = new ChatClient({
    connection,
    threadId: device.grant.details.task_id,
    persistence: true,
    onMessagesChange: (messages) => change({ messages: messages as UIMessage[] }),
    onStatusChange: (status) => change({ status }),
    onErrorChange: (error) => change({ error }),
    onChunk: (chunk) => {
      if (chunk.type === "TEXT_MESSAGE_CONTENT") heard(chunk.messageId, chunk.delta);
    },
  });
  const { conversation } = connection;
  const driven = {
    say: (text: string) => void client.sendMessage(text),
    again: () => void client.reload(),
    interrupt: () => conversation.interrupt(),
    decide: (call_id: string, approved: boolean) => conversation.decide(call_id, approved),
  };
  Object.assign(window, { chat: driven });
  change({});
  client.attach();
}
document.body.dataset.opened = "true";
