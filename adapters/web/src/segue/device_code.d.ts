import type { Device } from "./device_key.js";
import type { Tokens } from "./grant.js";
import type { Answer } from "./proved_fetch.js";

export declare function poll(
  device: Device,
  waiting: { device_code: string; interval?: number; ends_at: number },
  heard: {
    wanted: () => boolean;
    onPending: (answer: Answer) => unknown;
    onTrouble: (failure: Error) => unknown;
  },
): Promise<Tokens | null>;
