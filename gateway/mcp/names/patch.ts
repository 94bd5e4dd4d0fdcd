import { type JsonObjectScan, JsonSyntaxError, scanObject, type Span } from '#core/json/scan';
import { entriesOf } from '../wire/spans.ts';
import { unacceptableAnswer } from '../wire/rpc-error.ts';

/** An object inside a text, located; `base` is its first byte's offset in the text. */
export interface Part {
  readonly scan: JsonObjectScan;
  readonly base: number;
}

interface Patch extends Span {
  readonly by: string;
}

/**
 * Changes of strings and of arrays' entries, at any depth of a JSON text that a server sent. All other bytes stay as they are:
 * numbers, escapes, white space, members that nobody here knows.
 */
export class JsonPatch {
  readonly #bytes: Buffer;
  readonly #server: string;
  readonly #patches: Patch[] = [];

  /** @param server - named in errors */
  constructor(bytes: Buffer, server: string) {
    this.#bytes = bytes;
    this.#server = server;
  }

  /** @throws RpcError where the text is no JSON object */
  root(): Part {
    return this.#scan({ start: 0, end: this.#bytes.length });
  }

  /** The member where it is an object. */
  object(part: Part, name: string): Part | undefined {
    if (this.#type(part, name) !== 'object') return undefined;
    return this.#scan(this.#span(part, name));
  }

  /** The entries of the member where it is an array. */
  entries(part: Part, name: string): readonly Span[] | undefined {
    if (this.#type(part, name) !== 'array') return undefined;
    return entriesOf(this.#bytes, this.#span(part, name));
  }

  /** The entry where it is an object. */
  entry(span: Span): Part | undefined {
    return this.#bytes[span.start] === 0x7b ? this.#scan(span) : undefined;
  }

  string(part: Part, name: string): string | undefined {
    return this.#type(part, name) === 'string' ? part.scan.string(name) : undefined;
  }

  /** Whether the member is there. */
  has(part: Part, name: string): boolean {
    return this.#type(part, name) !== undefined;
  }

  /** Changes the member where it is a string. */
  replace(part: Part, name: string, to: (text: string) => string): void {
    const text = this.string(part, name);
    if (text !== undefined) this.#set(this.#span(part, name), text, to(text));
  }

  /** Changes the entry where it is a string. */
  replaceEntry(span: Span, to: (text: string) => string): void {
    if (this.#bytes[span.start] !== 0x22) return;
    const text = JSON.parse(this.#bytes.toString('utf8', span.start, span.end)) as string;
    this.#set(span, text, to(text));
  }

  /** Takes entries out of an array, each with one comma. Nothing inside of them may have been changed. */
  remove(entries: readonly Span[], isRemoved: (index: number) => boolean): void {
    const lastKept = entries.findLastIndex((_, index) => !isRemoved(index));
    for (let index = 0; index < lastKept; index++) {
      if (isRemoved(index)) this.#patches.push({ start: entries[index]!.start, end: entries[index + 1]!.start, by: '' });
    }
    if (lastKept === entries.length - 1) return;
    this.#patches.push({ start: entries[lastKept]?.end ?? entries[0]!.start, end: entries.at(-1)!.end, by: '' });
  }

  /** The text with the changes made; the text's own buffer where there are none. */
  bytes(): Buffer {
    if (this.#patches.length === 0) return this.#bytes;
    const pieces: Buffer[] = [];
    let done = 0;
    for (const { start, end, by } of this.#patches.sort((one, other) => one.start - other.start)) {
      pieces.push(this.#bytes.subarray(done, start), Buffer.from(by));
      done = end;
    }
    pieces.push(this.#bytes.subarray(done));
    return Buffer.concat(pieces);
  }

  #set(span: Span, from: string, to: string): void {
    if (to !== from) this.#patches.push({ ...span, by: JSON.stringify(to) });
  }

  /** A member that is looked at must occur once: the client's parser may take the other one. */
  #type({ scan }: Part, name: string): ReturnType<JsonObjectScan['type']> {
    if (scan.duplicates.includes(name)) throw unacceptableAnswer(this.#server, `"${name}" occurs twice in an object`);
    return scan.type(name);
  }

  #span({ scan, base }: Part, name: string): Span {
    const { start, end } = scan.value(name)!;
    return { start: base + start, end: base + end };
  }

  #scan({ start, end }: Span): Part {
    try {
      return { scan: scanObject(this.#bytes.subarray(start, end)), base: start };
    } catch (error) {
      if (error instanceof JsonSyntaxError) throw unacceptableAnswer(this.#server, error.message);
      throw error;
    }
  }
}
