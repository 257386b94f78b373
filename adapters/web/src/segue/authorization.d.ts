import type { Device } from "./device_key.js";
import type { Tokens } from "./grant.js";
import type { Answer } from "./proved_fetch.js";

export declare function metadata(issuer: string): Promise<Answer>;
export declare function begin(
  device: Device & { redirect_uri: string },
  asked: {
    task_id?: string;
    name?: string;
    about?: string;
    actions: string[];
    signIn?: { max_age?: string | number; acr_values?: string };
    ui_locales?: string;
  },
): Promise<void>;
export declare function takeAnswer(): Record<string, string> | null;
export declare function finish(device: Device, answer: Record<string, string>): Promise<Tokens>;
