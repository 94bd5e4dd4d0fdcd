import { GatewayError } from '../errors.ts';
import type { JsonObjectScan } from '../json/scan.ts';

/** Makes the error of something that is not as it has to be. */
export type Wrong = (path: string, message: string) => Error;

/**
 * An object of a request or of an answer, read field by field. What is not of the type that it has to be is refused with its path; what
 * nobody asks for is left over, so that a reader cannot lose anything without knowing. `null` is as absent, as clients write it for what
 * they do not say.
 */
export class Fields {
  /** Such as `messages[0].content`; empty: the whole request. */
  readonly path: string;
  readonly #values: Readonly<Record<string, unknown>>;
  /** Names that were asked for: a set would take longer to make than the few of them to look through. */
  readonly #asked: string[] = [];
  readonly #wrong: Wrong;

  /** @param wrong thrown unless it is an object, and each field of the type that it is asked for as */
  constructor(value: unknown, path: string, wrong: Wrong = badRequest) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(path, 'must be an object');
    this.#wrong = wrong;
    this.#values = value as Readonly<Record<string, unknown>>;
    this.path = path;
  }

  /** All of a body. */
  static of(body: JsonObjectScan, wrong?: Wrong): Fields {
    return new Fields(JSON.parse(body.bytes.toString('utf8', body.open)), '', wrong);
  }

  at(name: string): string {
    return this.path === '' ? name : `${this.path}.${name}`;
  }

  wrong(name: string, message: string): Error {
    return this.#wrong(this.at(name), message);
  }

  /** Whatever it is; undefined where it is null. */
  raw(name: string): unknown {
    this.#asked.push(name);
    return this.#values[name] ?? undefined;
  }

  /** Whether it is there, without being asked for. */
  has(name: string): boolean {
    return (this.#values[name] ?? undefined) !== undefined;
  }

  /** The object, all of which is asked for. */
  all(): Readonly<Record<string, unknown>> {
    this.#asked.push(...Object.keys(this.#values));
    return this.#values;
  }

  text(name: string): string | undefined {
    return this.#typed(name, 'string', 'a text') as string | undefined;
  }

  requiredText(name: string): string {
    const value = this.text(name);
    if (value === undefined) throw this.wrong(name, 'is required');
    return value;
  }

  number(name: string): number | undefined {
    return this.#typed(name, 'number', 'a number') as number | undefined;
  }

  boolean(name: string): boolean | undefined {
    return this.#typed(name, 'boolean', 'true or false') as boolean | undefined;
  }

  list(name: string): readonly unknown[] | undefined {
    const value = this.raw(name);
    if (value === undefined || Array.isArray(value)) return value;
    throw this.wrong(name, 'must be a list');
  }

  object(name: string): Fields | undefined {
    const value = this.raw(name);
    return value === undefined ? undefined : new Fields(value, this.at(name), this.#wrong);
  }

  /** @param value of a list */
  item(name: string, index: number, value: unknown): Fields {
    return new Fields(value, `${this.at(name)}[${index}]`, this.#wrong);
  }

  /** Objects of a list; none where it is absent. */
  objects(name: string): Fields[] {
    return (this.list(name) ?? []).map((value, index) => this.item(name, index, value));
  }

  /** What nobody asked for, but for what is null. */
  left(): (readonly [name: string, value: unknown])[] {
    const found: (readonly [name: string, value: unknown])[] = [];
    for (const name of Object.keys(this.#values)) {
      const value = this.#values[name];
      if (value !== null && value !== undefined && !this.#asked.includes(name)) found.push([name, value]);
    }
    return found;
  }

  #typed(name: string, type: 'string' | 'number' | 'boolean', what: string): unknown {
    const value = this.raw(name);
    if (value === undefined || typeof value === type) return value;
    throw this.wrong(name, `must be ${what}`);
  }
}

export function badRequest(path: string, message: string): GatewayError {
  return new GatewayError('TK_BAD_REQUEST', `${path === '' ? 'the request' : path} ${message}`, path === '' ? {} : { param: path });
}
