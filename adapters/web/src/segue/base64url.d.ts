export declare const bytes: (text: string) => Uint8Array<ArrayBuffer>;
export declare const base64url: (buffer: ArrayBuffer | Uint8Array) => string;
export declare const sha256: (text: string) => Promise<string>;
export declare const randomText: () => string;
