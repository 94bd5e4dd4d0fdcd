import { charactersIn, type Cited, citationOf, unitAt } from '../citations.ts';
import type { Citation, Span } from '../conversation.ts';
import type { Fields } from '../fields.ts';
import { given, type Json } from '../given.ts';
import type { Losses } from '../losses.ts';
import { listedIn } from './decode-parts.ts';

/**
 * What an answer rests on (`groundingMetadata`), and what it quotes (`citationMetadata`). Places are counted in bytes of UTF-8.
 * @see https://ai.google.dev/api/generate-content#GroundingMetadata
 * @see https://ai.google.dev/api/generate-content#v1beta.CitationMetadata
 * @param content of a whole answer; undefined where it is told bit by bit: there it is counted from the first one
 */
export function citedIn(candidate: Fields, losses: Losses, content: Fields | undefined): Cited[] {
  const grounding = candidate.object('groundingMetadata');
  const quotes = candidate.object('citationMetadata');
  if (grounding === undefined && quotes === undefined) return [];
  const parts = content === undefined ? undefined : textsIn(content);
  return [
    ...(grounding === undefined ? [] : groundedIn(grounding, losses, parts)),
    ...(quotes === undefined ? [] : quotesIn(quotes, losses)),
  ];
}

/** Texts of the parts; '' for those that say none. */
function textsIn(content: Fields): string[] {
  return listedIn(content, 'parts').map((part) => (part.boolean('thought') === true ? '' : (part.text('text') ?? '')));
}

function groundedIn(grounding: Fields, losses: Losses, parts: readonly string[] | undefined): Cited[] {
  const chunks = grounding.objects('groundingChunks').map((chunk) => ({ citation: sourceIn(chunk, losses), at: chunk.path }));
  const supports = grounding.objects('groundingSupports');
  const used = new Set<number>();
  const found = supports.flatMap((support): Cited[] => {
    const segment = support.object('segment');
    const locate = segment === undefined ? undefined : locator(segment, parts);
    // How sure the model is of each.
    if ((support.list('confidenceScores') ?? []).length > 0) losses.drop(grounding.at('groundingSupports.confidenceScores'));
    const indices = support.list('groundingChunkIndices') ?? [];
    losses.dropLeft(support);
    return indices.flatMap((index) => {
      const citation = typeof index === 'number' ? chunks[index]?.citation : undefined;
      if (citation === undefined) return [];
      used.add(index as number);
      return [{ citation, at: support.path, ...given({ locate }) }];
    });
  });
  // Of all that was said, where nothing says of what.
  if (supports.length === 0) found.push(...chunks.flatMap(({ citation, at }) => (citation === undefined ? [] : [{ citation, at }])));
  else for (const [index, { at }] of chunks.entries()) if (!used.has(index)) losses.drop(at);
  losses.dropLeft(grounding);
  return found;
}

/** Pages of the web and of maps, and what was found among documents of one's own. */
function sourceIn(chunk: Fields, losses: Losses): Citation | undefined {
  const of = chunk.object('web') ?? chunk.object('maps') ?? chunk.object('retrievedContext');
  const citation = of && citationOf({ url: of.text('uri'), title: of.text('title'), cited: of.text('text'), span: undefined });
  if (citation === undefined) losses.drop(chunk.path);
  else {
    // The address has it.
    of!.raw('domain');
    for (const each of [of!, chunk]) losses.dropLeft(each);
  }
  return citation;
}

function quotesIn(metadata: Fields, losses: Losses): Cited[] {
  // The Gemini API calls them so.
  const found = [...metadata.objects('citations'), ...metadata.objects('citationSources')].flatMap((quote): Cited[] => {
    const citation = citationOf({ url: quote.text('uri'), title: quote.text('title'), cited: undefined, span: undefined });
    if (citation === undefined) losses.drop(quote.path);
    const locate = locator(quote, undefined);
    if (citation !== undefined) losses.dropLeft(quote);
    return citation === undefined ? [] : [{ citation, at: quote.path, locate }];
  });
  losses.dropLeft(metadata);
  return found;
}

/** Finds a segment by its bytes, or by its words where these are elsewhere: models count from the part, or from the first one. */
function locator(segment: Fields, parts: readonly string[] | undefined): (said: string) => Span | undefined {
  const start = segment.number('startIndex') ?? 0;
  const end = segment.number('endIndex');
  const words = segment.text('text');
  const part = segment.number('partIndex') ?? 0;
  const before = parts === undefined ? 0 : Buffer.byteLength(parts.slice(0, Math.max(0, part)).join(''));
  return (said) => {
    const bytes = Buffer.from(said);
    for (const base of new Set([before, 0])) {
      const span = end === undefined ? undefined : spanOf(bytes, base + start, base + end, words);
      if (span !== undefined) return span;
    }
    const unit = words ? said.indexOf(words) : -1;
    if (unit === -1) return undefined;
    const from = charactersIn(said.slice(0, unit));
    return { start: from, end: from + charactersIn(words!) };
  };
}

function spanOf(bytes: Buffer, start: number, end: number, words: string | undefined): Span | undefined {
  if (!(start >= 0 && start < end && end <= bytes.length)) return undefined;
  const segment = bytes.toString('utf8', start, end);
  if (words && segment !== words) return undefined;
  const from = charactersIn(bytes.toString('utf8', 0, start));
  return { start: from, end: from + charactersIn(segment) };
}

/** A text of an answer with what it rests on. */
export interface Grounded {
  readonly text: string;
  readonly citations: readonly Citation[];
  /** Of the part that it is; undefined where it is told bit by bit. */
  readonly part: number | undefined;
  /** Bytes that were said before it, in a stream. */
  readonly before: number;
  readonly at: string;
}

/** What {@link citedIn} reads, as a field of a candidate. */
export function groundingOf(all: readonly Grounded[], losses: Losses): Json {
  const chunks: Json[] = [];
  const numbers = new Map<string, number>();
  const supports: { readonly segment: Json; readonly groundingChunkIndices: number[] }[] = [];
  for (const of of all) {
    for (const citation of of.citations) {
      const chunk = chunkOf(citation, of.at, losses);
      const key = JSON.stringify(chunk);
      const number = numbers.get(key) ?? chunks.push(chunk) - 1;
      numbers.set(key, number);
      const segment = segmentOf(citation, of);
      const last = supports.at(-1);
      if (last !== undefined && JSON.stringify(last.segment) === JSON.stringify(segment)) last.groundingChunkIndices.push(number);
      else supports.push({ segment, groundingChunkIndices: [number] });
    }
  }
  return chunks.length === 0 ? {} : { groundingMetadata: { groundingChunks: chunks, groundingSupports: supports } };
}

function chunkOf({ url, title, cited }: Citation, at: string, losses: Losses): Json {
  if (url === undefined) return { retrievedContext: given({ title, text: cited }) };
  if (cited !== undefined) losses.drop(`${at}.citations.cited_text`);
  return { web: { uri: url, ...given({ title }) } };
}

function segmentOf({ span }: Citation, { text, part, before }: Grounded): Json {
  const from = span === undefined ? 0 : unitAt(text, span.start);
  const words = span === undefined ? text : text.slice(from, unitAt(text, span.end));
  const startIndex = before + Buffer.byteLength(text.slice(0, from));
  return {
    ...given({ partIndex: part === 0 ? undefined : part }),
    startIndex,
    endIndex: startIndex + Buffer.byteLength(words),
    text: words,
  };
}
