import type { Device } from "./device_key.js";
import type { Answer, Sent } from "./proved_fetch.js";

/** What was granted for one task. */
export interface TaskDetails {
  type: "task";
  task_id: string;
  actions: string[];
  epoch: number;
  transfer_id?: string;
  [member: string]: unknown;
}

/** The answer of the token endpoint. */
export interface Tokens {
  access_token: string;
  refresh_token?: string;
  token_type: string;
  expires_in: number;
  authorization_details: TaskDetails[];
  [member: string]: unknown;
}

export declare class Grant {
  private constructor();
  details: TaskDetails;
  confirmed_at: number | null;
  static load(device: Device): Promise<Grant | null>;
  static keep(device: Device, tokens: Tokens, confirmed_at?: number | null): Promise<Grant>;
  confirm(): Promise<void>;
  forget(): Promise<void>;
  request(method: string, url: string, options: Sent & { audience: string }): Promise<Response>;
  call(method: string, url: string, options: Sent & { audience: string }): Promise<Answer>;
}
