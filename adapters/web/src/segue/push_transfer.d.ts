import type { Device } from "./device_key.js";
import type { Grant } from "./grant.js";
import type { Answer } from "./proved_fetch.js";

export interface Offer {
  iss: string | null;
  transfer_code: string;
}

export declare const start: (
  grant: Grant,
  offer: { issuer: string; mode: "move" | "share"; consumption_uri?: string },
) => Promise<Answer>;
export declare const state: (grant: Grant, of: { issuer: string; transfer_id: string }) => Promise<Answer>;
export declare const cancel: (grant: Grant, of: { issuer: string; transfer_id: string }) => Promise<Answer>;
export declare function takeOffer(): Offer | null;
export declare function scannedOffer(text: string): Offer | null;
export declare function claim(device: Device, offer: Offer & { device_name: string }): Promise<Answer>;
