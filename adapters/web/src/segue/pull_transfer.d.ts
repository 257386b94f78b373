import type { Device } from "./device_key.js";
import type { Answer } from "./proved_fetch.js";

export declare function ask(
  device: Device,
  asked: { device_name: string; actions: string[]; task_id?: string; name?: string; about?: string },
): Promise<Answer>;
