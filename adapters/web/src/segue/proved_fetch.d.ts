import type { DeviceKey } from "./device_key.js";

/** A decoded answer. */
export type Answer = Record<string, any>;

export interface Sent {
  headers?: Record<string, string>;
  body?: BodyInit | undefined;
  signal?: AbortSignal;
  patience?: number;
}

/** The server said no. */
export declare class Refused extends Error {
  constructor(status: number, body: Answer);
  readonly status: number;
  readonly error: string;
  readonly body: Answer;
  static of(answer: Response): Promise<Refused>;
}

/** No answer. */
export declare class Unreachable extends Error {
  constructor(origin: string, options?: ErrorOptions);
  readonly origin: string;
}

export declare function send(
  key: DeviceKey,
  method: string,
  url: string,
  options?: Sent & { accessToken?: string },
): Promise<Response>;
export declare function accepted(answer: Response): Promise<Answer>;
export declare const read: (url: string) => Promise<Answer>;
