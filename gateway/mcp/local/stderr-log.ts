const MOST_CHARACTERS = 500;
const MOST_LINES = 100;
const WINDOW_MS = 60_000;

/** What a server writes to its standard error, as lines of the operator's log: short ones, not too many, without its secrets. */
export class StderrLog {
  readonly #name: string;
  readonly #secrets: readonly string[];
  readonly #log: (line: string) => void;
  #began = 0;
  #count = 0;

  constructor(name: string, secrets: readonly string[], log: (line: string) => void) {
    this.#name = name;
    // A secret that is a part of another one would leave the rest of it.
    this.#secrets = [...secrets].sort((one, other) => other.length - one.length);
    this.#log = log;
  }

  take(line: Buffer): void {
    const now = Date.now();
    if (now - this.#began > WINDOW_MS) {
      this.#began = now;
      this.#count = 0;
    }
    this.#count++;
    if (this.#count > MOST_LINES) return;
    this.#log(`MCP server ${this.#name}: ${this.#shown(line)}`);
    if (this.#count === MOST_LINES) this.#log(`MCP server ${this.#name}: what else it writes within a minute is left out`);
  }

  #shown(line: Buffer): string {
    let text = line.toString();
    for (const secret of this.#secrets) text = text.replaceAll(secret, '[redacted]');
    // Escapes of terminals could forge other lines.
    text = text.replaceAll(/\p{Cc}/gu, ' ').trim();
    return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS)}…` : text;
  }
}
