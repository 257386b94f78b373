// What a chat front end of a Segue task stands on, whichever SDK draws it: the device's key, its grant, transfers, the task.
export * as authorization from "./segue/authorization.js";
export * as deviceCode from "./segue/device_code.js";
export { type Device, DeviceKey, type PublicJwk } from "./segue/device_key.js";
export { Grant, type TaskDetails, type Tokens } from "./segue/grant.js";
export { Refused, send, Unreachable } from "./segue/proved_fetch.js";
export * as pullTransfer from "./segue/pull_transfer.js";
export * as pushTransfer from "./segue/push_transfer.js";
export { type CallState, type Draft, type Resumed, TaskClient, type TaskEvent, type ToolCall } from "./segue/task_client.js";
export * as vault from "./segue/vault.js";
export { Conversation, type ConversationOptions, type Message, type Part, type Step } from "./conversation.js";
export { type Run, runTools, type Tools } from "./tool_runner.js";
