export interface PublicJwk {
  crv: string;
  kty: string;
  x: string;
  y: string;
}

/** The key of this device: ES256, not extractable, in this origin's IndexedDB. */
export declare class DeviceKey {
  private constructor();
  readonly jwk: PublicJwk;
  readonly jkt: string;
  static open(): Promise<DeviceKey>;
  proof(htm: string, url: string, more?: { nonce?: string; accessToken?: string }): Promise<string>;
}

/** What a client is: its key, where it was registered, and under which name. */
export interface Device {
  key: DeviceKey;
  issuer: string;
  client_id: string;
}
