import type { SealKeys } from '../sealed/keys.ts';
import { openSession, type Session, type SessionPlace } from '../sealed/session.ts';

/** Sessions at most; each with its text, of up to some kilobytes where it has many servers. */
const MOST = 2000;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** Sessions that were opened lately: a client sends the same text with every request, and opening it costs more than the rest. */
export class OpenedSessions {
  readonly #keys: () => SealKeys;
  readonly #opened = new Map<string, Session>();
  #by: SealKeys | undefined;
  #characters = 0;

  constructor(keys: () => SealKeys) {
    this.#keys = keys;
  }

  /** As `openSession`. */
  open(text: string, place: SessionPlace, nowSeconds: number): Session | undefined {
    const keys = this.#keys();
    // What an old key has opened the new ones may not.
    if (keys !== this.#by) this.#forget(keys);
    const key = JSON.stringify([place.route, place.subject, text]);
    const known = this.#opened.get(key);
    if (known !== undefined) return nowSeconds < known.expiresAt ? known : undefined;
    const opened = openSession(text, place, keys, nowSeconds);
    if (opened === undefined) return undefined;
    if (this.#opened.size >= MOST || this.#characters + key.length > MOST_CHARACTERS) this.#forget(keys);
    this.#opened.set(key, opened);
    this.#characters += key.length;
    return opened;
  }

  #forget(keys: SealKeys): void {
    this.#opened.clear();
    this.#characters = 0;
    this.#by = keys;
  }
}
