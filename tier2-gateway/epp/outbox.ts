/** Chunks on their way to one reader, with a word back to the writer when there is room. */
export class Outbox {
  readonly #chunks: Buffer[] = [];
  readonly #maxBytes: number;
  #bytes = 0;
  #ended = false;
  #error: Error | undefined;
  #wakeReader: (() => void) | undefined;
  #wakeWriters: (() => void)[] = [];

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  push(chunk: Buffer): void {
    if (this.#ended || chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** The reader gets what is there, then the error. */
  fail(error: Error): void {
    if (this.#ended) return;
    this.#error = error;
    this.end();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get full(): boolean {
    return this.#bytes > this.#maxBytes && !this.#ended;
  }

  /** Resolves when the reader has caught up, or when nothing more is taken. */
  async room(): Promise<void> {
    while (this.full) await new Promise<void>((resolve) => this.#wakeWriters.push(resolve));
  }

  /** For one reader. If it stops early, the rest is dropped. */
  async *read(): AsyncGenerator<Buffer, void, undefined> {
    try {
      for (;;) {
        const chunk = this.#chunks.shift();
        if (chunk !== undefined) {
          this.#bytes -= chunk.length;
          if (!this.full) this.#releaseWriters();
          yield chunk;
        } else if (this.#error !== undefined) throw this.#error;
        else if (this.#ended) return;
        else await new Promise<void>((resolve) => (this.#wakeReader = resolve));
      }
    } finally {
      this.#chunks.length = 0;
      this.#bytes = 0;
      this.end();
    }
  }

  #wake(): void {
    this.#wakeReader?.();
    this.#wakeReader = undefined;
    if (!this.full) this.#releaseWriters();
  }

  #releaseWriters(): void {
    const waiting = this.#wakeWriters;
    this.#wakeWriters = [];
    for (const wake of waiting) wake();
  }
}
