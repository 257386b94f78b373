// What arrives at its own pace, for somebody who takes it at another.
export class Inbox<Item> {
  #items: Item[] = [];
  #wake: () => void = () => {};
  #over: { failure: unknown } | null = null;

  put(item: Item): void {
    this.#items.push(item);
    this.#wake();
  }

  /** No more comes. `failure` is thrown to the taker once everything before it was taken. */
  close(failure?: unknown): void {
    this.#over ??= { failure };
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Item> {
    for (;;) {
      while (this.#items.length) yield this.#items.shift()!;
      if (this.#over?.failure !== undefined) throw this.#over.failure;
      if (this.#over) return;
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
