/**
 * The one rule by which the example upstream counts: a word costs one token for every four characters begun, with the
 * space before it free; space at the very end costs one. An image, a file or a piece of audio costs `ATTACHMENT_TOKENS`.
 * No message or role costs anything by itself. Every endpoint uses this rule, so its numbers can be compared.
 */
export const ATTACHMENT_TOKENS = 85;

/** The tokens of a text; joined they are the text again. */
export function tokenize(text: string): string[] {
  return text.match(/\s*\S{1,4}|\s+/gu) ?? [];
}

export function countTokens(text: string): number {
  return tokenize(text).length;
}

/** The words of a text, each with the space before it: what one event of a stream carries. Joined they are the text again. */
export function words(text: string): string[] {
  return text.match(/\s*\S+|\s+/g) ?? [];
}

export interface Cut {
  readonly text: string;
  /** `stop`: a stop sequence was met; `length`: the token limit was. */
  readonly reason: 'end' | 'stop' | 'length';
  /** The stop sequence that was met; it is not part of the text. */
  readonly stop: string | null;
}

/** Ends a text where a stop sequence or a limit of tokens would have ended its generation, whichever comes first. */
export function cut(text: string, stops: readonly string[], maxTokens: number | null): Cut {
  const met = stops
    .filter((stop) => stop !== '' && text.includes(stop))
    .map((stop) => ({ stop, at: text.indexOf(stop) }))
    .toSorted((a, b) => a.at - b.at)[0];
  const upToStop = met === undefined ? text : text.slice(0, met.at);
  const tokens = tokenize(upToStop);
  if (maxTokens !== null && tokens.length > maxTokens) return { text: tokens.slice(0, maxTokens).join(''), reason: 'length', stop: null };
  return { text: upToStop, reason: met === undefined ? 'end' : 'stop', stop: met?.stop ?? null };
}
