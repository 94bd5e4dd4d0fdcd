import { lineAt } from './line.ts';

/** Values of `${NAME}`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Something that the author of a document has to mend; the line is counted in the document's text, from 1. */
export interface Fault {
  readonly line: number;
  readonly message: string;
}

const REFERENCE = /\$(\$?)\{([^{}\n]*)\}/g;
const EXPRESSION = /^([A-Za-z_][A-Za-z0-9_]*)(?::[-=](.*))?$/;

interface Reference {
  readonly offset: number;
  /** Undefined for `$${…}`, which is written to the end as `${…}`. */
  readonly name: string | undefined;
  readonly fallback: string | undefined;
  readonly literal: string;
}

/**
 * The variables of one document: `${NAME}`, `${NAME:-default}` and `${NAME:=default}` (the default stands for an unset
 * or empty variable), and `$${NAME}` for the text `${NAME}` itself. A bare `$NAME` is left alone.
 *
 * Each is replaced by a placeholder before the parse and by its value in the parsed strings. So a value is never read as
 * YAML, whatever it holds, a variable in a comment asks for nothing, and `port: ${PORT:=8080}` is a number all the same.
 */
export class Variables {
  /** The document with placeholders; has as many lines as before. */
  readonly text: string;
  /** Every variable that was asked for, with its value at that time. */
  readonly used = new Map<string, string | undefined>();
  readonly faults: Fault[] = [];
  readonly #env: Environment;
  readonly #references: Reference[] = [];
  readonly #original: string;
  readonly #mark: string;
  readonly #placeholder: RegExp;
  readonly #unset = new Set<string>();

  constructor(text: string, env: Environment) {
    this.#env = env;
    this.#original = text;
    // A character of the private use area, which YAML takes anywhere in a scalar.
    let code = 0xe0_00;
    while (text.includes(String.fromCharCode(code))) code++;
    this.#mark = String.fromCharCode(code);
    this.#placeholder = new RegExp(`${this.#mark}([0-9]+)${this.#mark}`, 'g');
    this.text = text.replaceAll(REFERENCE, (whole, escape: string, expression: string, offset: number) => {
      const [, name, fallback] = escape === '' ? (EXPRESSION.exec(expression) ?? []) : [];
      this.#references.push({ offset, name, fallback, literal: escape === '' ? whole : whole.slice(1) });
      return `${this.#mark}${this.#references.length - 1}${this.#mark}`;
    });
  }

  get any(): boolean {
    return this.#references.length > 0;
  }

  /** Whether a parsed string has variables in it. */
  occursIn(text: string): boolean {
    return text.includes(this.#mark);
  }

  /** The string with the values; what is unset or malformed is reported and left as it was written. */
  expand(text: string): string {
    return text.replaceAll(this.#placeholder, (_, index: string) => this.#valueOf(this.#references[Number(index)]!));
  }

  /** The text with its variables as the author wrote them, for messages about it. */
  asWritten(text: string): string {
    return text.replaceAll(this.#placeholder, (_, index: string) => this.#references[Number(index)]!.literal);
  }

  /** What is wrong with a field of this name, which has variables in it. */
  inName(name: string): string {
    return `the name of a field cannot hold a variable: ${this.expand(name)}`;
  }

  #valueOf({ offset, name, fallback, literal }: Reference): string {
    if (name === undefined) {
      const escaped = this.#original.startsWith('$$', offset);
      if (!escaped)
        this.#fault(offset, `${literal} is no variable; write \${NAME} or \${NAME:-default}, or $${literal} for the text itself`);
      return literal;
    }
    const value = this.#env[name];
    this.used.set(name, value);
    if (fallback !== undefined && (value === undefined || value === '')) return fallback;
    if (value !== undefined) return value;
    if (!this.#unset.has(name))
      this.#fault(offset, `the environment variable ${name} is not set; set it, or give it a default: \${${name}:-default}`);
    this.#unset.add(name);
    return literal;
  }

  #fault(offset: number, message: string): void {
    this.faults.push({ line: lineAt(this.#original, offset), message });
  }
}
