const SIGNALS = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;
type Signal = keyof typeof SIGNALS;

/** One Ctrl-C may come twice: from the terminal, and from npm, which hands it on. */
const ONE_PRESS_MS = 500;
/** How often npm is looked for: a signal that ends it may reach the shell between it and us, and nobody else. */
const LOOK_MS = 500;

/** Wishes of people to end this process. The first one is for the program to fulfil; a second one ends the process at once. */
export class Interrupts {
  /** Which one came. */
  readonly first: Promise<string>;
  readonly #resolve: (why: string) => void;
  readonly #parent = process.ppid;
  #look: NodeJS.Timeout | undefined;
  #firstAt: number | undefined;

  constructor() {
    const { promise, resolve } = Promise.withResolvers<string>();
    this.first = promise;
    this.#resolve = resolve;
    for (const signal of Object.keys(SIGNALS)) process.on(signal, this.#onSignal);
    if (process.env['npm_lifecycle_event'] !== undefined) this.#look = setInterval(this.#lookForParent, LOOK_MS).unref();
    // These stay: the last words may fail after everything else has ended.
    process.stdout.on('error', this.#onClosedOutput);
    process.stderr.on('error', this.#onClosedOutput);
  }

  dispose(): void {
    clearInterval(this.#look);
    for (const signal of Object.keys(SIGNALS)) process.off(signal, this.#onSignal);
  }

  readonly #onSignal = (signal: Signal): void => {
    const now = performance.now();
    if (this.#firstAt === undefined) {
      this.#firstAt = now;
      this.#resolve(signal);
    } else if (now - this.#firstAt > ONE_PRESS_MS) {
      process.exit(SIGNALS[signal]);
    }
  };

  readonly #lookForParent = (): void => {
    if (process.ppid !== this.#parent) this.#resolve('npm has ended');
  };

  /** The reader of a pipe is gone, or a terminal. */
  readonly #onClosedOutput = (): void => this.#resolve('nobody reads the output any more');
}
