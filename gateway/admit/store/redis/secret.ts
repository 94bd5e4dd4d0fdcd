import { inspect } from 'node:util';

/** A password that no log, error or inspection shows. */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  /** A text, with the password taken out of it where it is there. */
  hideIn(text: string): string {
    return this.#value === '' ? text : text.replaceAll(this.#value, '[hidden]');
  }

  toString(): string {
    return '[hidden]';
  }

  toJSON(): string {
    return '[hidden]';
  }

  [inspect.custom](): string {
    return '[hidden]';
  }
}
