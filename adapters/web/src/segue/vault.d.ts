export declare const get: (name: string) => Promise<unknown>;
export declare const put: (name: string, value: unknown) => Promise<unknown>;
export declare const remove: (name: string) => Promise<unknown>;
export declare function putFirst<Value>(name: string, value: Value): Promise<Value>;
