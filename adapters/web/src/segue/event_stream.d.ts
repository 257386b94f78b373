export declare function eventsOf(answer: Response): AsyncGenerator<{ event: string; id?: string; data: string }>;
