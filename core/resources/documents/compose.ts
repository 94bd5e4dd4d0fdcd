import { EVENT_ID, type Event, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';

import { lineAt, LineCounter } from './line.ts';
import { plainValue, taggedValue } from './scalar.ts';
import { TOO_DEEP } from './syntax-fault.ts';
import type { Fault, Variables } from './variables.ts';

type ScalarEvent = Extract<Event, { type: typeof EVENT_ID.SCALAR }>;
type SequenceEvent = Extract<Event, { type: typeof EVENT_ID.SEQUENCE }>;
type MappingEvent = Extract<Event, { type: typeof EVENT_ID.MAPPING }>;
type AliasEvent = Extract<Event, { type: typeof EVENT_ID.ALIAS }>;

/** Objects, lists and scalars that the aliases of one document may add, beyond which it is held for an attack. */
const MAX_COPIES = 100_000;
export const MAX_DEPTH = 200;
export const MAX_FAULTS = 5;

export interface Composed {
  /** A tree: what an alias stands for is a copy. */
  readonly value: unknown;
  /** Line of the text where the value starts, from 1. */
  readonly line: number;
  /** Lines of the items of each list of a field `items`, but for lists that an alias stands for. */
  readonly itemLines: ReadonlyMap<unknown, readonly number[]>;
}

/**
 * Makes the value of a YAML text, with the variables filled in. At most {@link MAX_FAULTS} faults are added, one a line.
 *
 * @returns undefined for a text of comments only.
 * @throws YAMLException for a syntax error, for nesting without end and for too many copies.
 */
export function compose(variables: Variables, faults: Fault[]): Composed | undefined {
  const events = parseEvents(variables.text, { maxDepth: MAX_DEPTH });
  if (events.length === 0) return undefined;
  return new Composer(variables, faults, events).document();
}

/** Reads the events of the parser in order; each method takes those of its node, the closing one too. */
class Composer {
  readonly #variables: Variables;
  readonly #text: string;
  readonly #faults: Fault[];
  readonly #events: readonly Event[];
  readonly #lines: LineCounter;
  readonly #itemLines = new Map<unknown, number[]>();
  readonly #anchors = new Map<string, unknown>();
  /** Lists and objects that are being read. */
  readonly #open = new Set<unknown>();
  #next = 0;
  #depth = 0;
  #copies = 0;

  constructor(variables: Variables, faults: Fault[], events: readonly Event[]) {
    this.#variables = variables;
    this.#text = variables.text;
    this.#faults = faults;
    this.#events = events;
    this.#lines = new LineCounter(variables.text);
  }

  document(): Composed {
    this.#take();
    const line = this.#lines.at(offsetOf(this.#peek()) ?? 0);
    const value = this.#node();
    this.#take();
    // The text was split at its markers already; the parser also ends a line at a carriage return.
    if (this.#next < this.#events.length) {
      this.#next++;
      this.#fault(offsetOf(this.#peek()) ?? 0, 'a second document begins; each must begin with a line --- of its own');
    }
    return { value, line, itemLines: this.#itemLines };
  }

  #peek(): Event {
    return this.#events[this.#next]!;
  }

  #take(): Event {
    return this.#events[this.#next++]!;
  }

  #node(field?: string): unknown {
    const event = this.#take();
    if (event.type === EVENT_ID.SCALAR) return this.#anchored(event, this.#scalar(event));
    if (event.type === EVENT_ID.MAPPING) return this.#mapping(event);
    if (event.type === EVENT_ID.SEQUENCE) return this.#sequence(event, field === 'items');
    if (event.type === EVENT_ID.ALIAS) return this.#alias(event);
    throw new Error(`the YAML parser has a node of type ${event.type}`);
  }

  #scalar(event: ScalarEvent): unknown {
    let text = getScalarValue(this.#text, event);
    if (this.#variables.any && this.#variables.occursIn(text)) text = this.#variables.expand(text);
    if (event.tagStart === -1) return event.style === SCALAR_STYLE.PLAIN ? plainValue(text) : text;
    const tag = this.#tag(event);
    if (tag === '!') return text;
    const value = taggedValue(tag, text);
    if (value === undefined) this.#unresolved(event);
    return value;
  }

  #mapping(event: MappingEvent): unknown {
    if (!['', '!', 'tag:yaml.org,2002:map'].includes(this.#tag(event))) this.#unresolved(event);
    const object: Record<string, unknown> = {};
    this.#enter(event, object);
    while (this.#peek().type !== EVENT_ID.POP) {
      const offset = offsetOf(this.#peek()) ?? 0;
      const name = this.#name();
      const value = this.#node(name);
      if (name === undefined) continue;
      if (Object.hasOwn(object, name)) this.#fault(offset, `the field ${JSON.stringify(name)} occurs twice in one object`);
      else if (name !== '__proto__') object[name] = value;
      else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
    }
    this.#leave(object);
    return object;
  }

  /** A name is its text, whatever the text would be as a value. */
  #name(): string | undefined {
    const event = this.#peek();
    if (event.type !== EVENT_ID.SCALAR || !['', '!', 'tag:yaml.org,2002:str'].includes(this.#tag(event))) {
      const offset = offsetOf(event) ?? 0;
      this.#node();
      this.#fault(offset, 'keys must be strings');
      return undefined;
    }
    this.#next++;
    const name = getScalarValue(this.#text, event);
    if (this.#variables.any && this.#variables.occursIn(name)) {
      this.#fault(offsetOf(event) ?? 0, this.#variables.inName(name));
    }
    this.#anchored(event, name);
    return name;
  }

  #sequence(event: SequenceEvent, noteLines: boolean): unknown {
    if (!['', '!', 'tag:yaml.org,2002:seq'].includes(this.#tag(event))) this.#unresolved(event);
    const list: unknown[] = [];
    this.#enter(event, list);
    const lines: number[] = [];
    let dash = event.start;
    while (this.#peek().type !== EVENT_ID.POP) {
      if (noteLines) {
        const offset = offsetOf(this.#peek());
        // An item of nothing has no place of its own.
        if (offset === undefined && list.length > 0) dash = this.#nextDash(dash);
        lines.push(this.#lines.at(offset ?? dash));
      }
      list.push(this.#node());
    }
    if (noteLines) this.#itemLines.set(list, lines);
    this.#leave(list);
    return list;
  }

  /** Where the item after the node that was read last begins, given the place of an earlier dash of the same list. */
  #nextDash(earlier: number): number {
    let from = earlier + 1;
    for (let index = this.#next - 1; index >= 0; index--) {
      const event = this.#events[index]!;
      const end = event.type === EVENT_ID.SCALAR && event.valueEnd !== -1 ? event.valueEnd : offsetOf(event);
      if (end === undefined) continue;
      from = Math.max(from, end);
      break;
    }
    const pattern = /^[ \t]*-(?=\s|$)/gm;
    pattern.lastIndex = from;
    const found = pattern.exec(this.#text);
    return found === null ? earlier : found.index + found[0].length - 1;
  }

  #alias(event: AliasEvent): unknown {
    const name = this.#text.slice(event.anchorStart, event.anchorEnd);
    const value = this.#anchors.get(name);
    if (value === undefined && !this.#anchors.has(name)) {
      // The name is not shown: an unquoted secret that begins with * looks like one.
      this.#fault(
        event.anchorStart,
        'Unresolved alias: there is no anchor of this name before it; a text that begins with * has to be in quotes',
      );
      return undefined;
    }
    if (this.#open.has(value)) {
      this.#fault(event.anchorStart, 'an anchor cannot hold an alias to itself');
      return undefined;
    }
    return this.#copy(value, event, this.#depth);
  }

  /** Defaults that are filled in at one place must not show at the other. */
  #copy(value: unknown, event: AliasEvent, depth: number): unknown {
    if (++this.#copies > MAX_COPIES) {
      YAMLException.throwAt(this.#text, event.anchorStart, `Excessive alias count: aliases add more than ${MAX_COPIES} values`);
    }
    if (typeof value !== 'object' || value === null) return value;
    if (depth >= MAX_DEPTH) YAMLException.throwAt(this.#text, event.anchorStart, TOO_DEEP);
    if (Array.isArray(value)) return value.map((item) => this.#copy(item, event, depth + 1));
    // Unlike an assignment, it makes a field of `__proto__`.
    return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, this.#copy(member, event, depth + 1)]));
  }

  #anchored(event: ScalarEvent | SequenceEvent | MappingEvent, value: unknown): unknown {
    if (event.anchorStart !== -1) this.#anchors.set(this.#text.slice(event.anchorStart, event.anchorEnd), value);
    return value;
  }

  #enter(event: SequenceEvent | MappingEvent, value: object): void {
    this.#anchored(event, value);
    this.#open.add(value);
    this.#depth++;
  }

  #leave(value: object): void {
    this.#next++;
    this.#open.delete(value);
    this.#depth--;
  }

  /** The tag in full, as far as it is one of YAML's own; no directive can give another meaning to `!!`. */
  #tag(event: ScalarEvent | SequenceEvent | MappingEvent): string {
    if (event.tagStart === -1) return '';
    const tag = this.#text.slice(event.tagStart, event.tagEnd);
    if (tag.startsWith('!<')) return tag.slice(2, -1);
    return tag.startsWith('!!') ? `tag:yaml.org,2002:${tag.slice(2)}` : tag;
  }

  #unresolved(event: ScalarEvent | SequenceEvent | MappingEvent): void {
    this.#fault(event.tagStart, 'Unresolved tag: only those of YAML itself are read; a text that begins with ! has to be in quotes');
  }

  #fault(offset: number, message: string): void {
    if (this.#faults.length >= MAX_FAULTS) return;
    const line = lineAt(this.#text, offset);
    if (!this.#faults.some((fault) => fault.line === line)) this.#faults.push({ line, message });
  }
}

/** Where a node begins; undefined for a value that is not there, as in `a:`. */
function offsetOf(event: Event): number | undefined {
  if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) return undefined;
  if (event.type !== EVENT_ID.ALIAS && event.tagStart !== -1) return event.tagStart;
  if (event.anchorStart !== -1) return event.anchorStart;
  if (event.type === EVENT_ID.MAPPING || event.type === EVENT_ID.SEQUENCE) return event.start;
  if (event.type === EVENT_ID.ALIAS || event.valueStart === -1) return undefined;
  // The value of a quoted text begins after the quote, that of a block after the line of its `|`.
  return event.style === SCALAR_STYLE.PLAIN ? event.valueStart : event.valueStart - 1;
}
