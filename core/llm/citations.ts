import type { Block, BlockOf, Citation, Span } from './conversation.ts';
import type { Fields } from './fields.ts';
import type { Losses } from './losses.ts';

/** A citation as it came: where its place is in all that was said, once that is known. */
export interface Cited {
  readonly citation: Citation;
  /** @param said all texts so far */
  readonly locate?: (said: string) => Span | undefined;
  /** Where it was. */
  readonly at: string;
}

/** Unicode code points: what APIs count as characters. */
export function charactersIn(text: string): number {
  let count = text.length;
  for (let at = 1; at < text.length; at++) if (isPair(text, at)) count--;
  return count;
}

/** The same place among UTF-16 code units, as texts have it here. */
export function unitAt(text: string, character: number): number {
  let unit = 0;
  for (let left = character; left > 0 && unit < text.length; left--) unit += isPair(text, unit + 1) ? 2 : 1;
  return unit;
}

/** Whether a low surrogate stands there, behind its high one. */
function isPair(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  if (!(unit >= 0xdc00 && unit <= 0xdfff)) return false;
  const before = text.charCodeAt(at - 1);
  return before >= 0xd800 && before <= 0xdbff;
}

/** Numbers of an API as a span; undefined where there are none, or they make none. */
export function spanIn(of: Fields, startName: string, endName: string): Span | undefined {
  const start = of.number(startName);
  const end = of.number(endName);
  if (end === undefined) return undefined;
  const from = start ?? 0;
  return Number.isInteger(from) && Number.isInteger(end) && from >= 0 && from < end ? { start: from, end } : undefined;
}

/** @returns undefined for one that says nothing */
export function citationOf(citation: Citation): Citation | undefined {
  const { url, title, cited, span } = citation;
  const found = { url: url || undefined, title: title || undefined, cited: cited || undefined, span };
  return found.url === undefined && found.title === undefined && found.cited === undefined ? undefined : found;
}

interface Share {
  readonly mine: readonly Citation[];
  readonly rest: readonly Cited[];
}

/**
 * Those of a text that is whole, each once, with their places in it. A place that goes on behind it ends with it.
 * @param base characters that were said before it
 * @param length of it
 */
function shareOf(all: readonly Cited[], base: number, length: number, said: string, losses: Losses): Share {
  const mine = new Map<string, Citation>();
  const rest: Cited[] = [];
  for (const cited of all) {
    const { citation, locate } = cited;
    const span = locate === undefined ? citation.span : locate(said);
    if (locate !== undefined && span === undefined) losses.approximate(cited.at);
    if (span !== undefined && (span.start < base || span.start >= base + length)) rest.push(cited);
    else {
      const own = { ...citation, span: span === undefined ? undefined : within(span, base, length) };
      mine.set(JSON.stringify(own), own);
    }
  }
  return { mine: [...mine.values()], rest };
}

/** undefined: all of it. */
function within({ start, end }: Span, base: number, length: number): Span | undefined {
  const found = { start: start - base, end: Math.min(end - base, length) };
  return found.start === 0 && found.end === length ? undefined : found;
}

/** Texts of an answer with what they rest on, each with its own. What is of none is told. */
export function withCitations(blocks: readonly Block[], all: readonly Cited[], losses: Losses): readonly Block[] {
  if (all.length === 0) return blocks;
  const said = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('');
  let base = 0;
  let left = all;
  const found = blocks.map((block) => {
    if (block.type !== 'text') return block;
    const length = charactersIn(block.text);
    const { mine, rest } = shareOf(left, base, length, said, losses);
    base += length;
    left = rest;
    return withOwn(block, mine);
  });
  for (const { at } of left) losses.drop(at);
  return found;
}

export function withOwn(block: BlockOf<'text'>, citations: readonly Citation[]): BlockOf<'text'> {
  return citations.length === 0 ? block : { ...block, citations: [...(block.citations ?? []), ...citations] };
}

/** Gathers what the texts of a stream rest on, until the text that each is of is whole. */
export class CitationsTold {
  /** Kept for citations whose places are found by what was said; the others need its length alone. */
  #said: string | undefined;
  /** Characters of the texts that are whole, and of the one that comes. */
  #base = 0;
  #length = 0;
  #waiting: readonly Cited[] = [];

  constructor({ keepsText }: { readonly keepsText: boolean }) {
    this.#said = keepsText ? '' : undefined;
  }

  say(text: string): void {
    this.#length += charactersIn(text);
    if (this.#said !== undefined) this.#said += text;
  }

  cite(all: readonly Cited[]): void {
    if (all.length > 0) this.#waiting = [...this.#waiting, ...all];
  }

  /** What is of the text that ends here. */
  take(losses: Losses): readonly Citation[] {
    const base = this.#base;
    const length = this.#length;
    this.#base += length;
    this.#length = 0;
    if (this.#waiting.length === 0) return [];
    const { mine, rest } = shareOf(this.#waiting, base, length, this.#said ?? '', losses);
    this.#waiting = rest;
    return mine;
  }

  /** Tells what was of no text. */
  end(losses: Losses): void {
    for (const { at } of this.#waiting) losses.drop(at);
  }
}

/** What no request gives back: models know by themselves what they have found. */
export function dropCitations(block: Block, at: string, losses: Losses): void {
  if (block.type === 'text' && block.citations !== undefined) losses.drop(`${at}.citations`);
}
