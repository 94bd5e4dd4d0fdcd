/** One sample: its labels, unescaped, and its value, which may be NaN or infinite. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN = 123;
const BLANKS = /[ \t]+/;

/**
 * Samples of a few metrics out of a text of the Prometheus exposition format 0.0.4. An engine's page is hundreds of kilobytes of histograms,
 * of which a dozen lines matter: those are searched for, and nothing else is parsed.
 */
export class MetricsText {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  /** Whether a line begins like this. */
  hasPrefix(prefix: string): boolean {
    return this.#lineWith(prefix, 0) !== -1;
  }

  /** Samples of exactly this name, in order. A line that cannot be read is passed over: it is not ours to judge the page. */
  samples(name: string): Sample[] {
    const text = this.#text;
    const samples: Sample[] = [];
    for (let at = this.#lineWith(name, 0); at !== -1; at = this.#lineWith(name, at + 1)) {
      const after = at + name.length;
      const next = text.charCodeAt(after);
      if (next !== OPEN && next !== 32 && next !== 9) continue;
      const newline = text.indexOf('\n', after);
      const sample = readSample(text.slice(after, newline === -1 ? undefined : newline));
      if (sample !== undefined) samples.push(sample);
    }
    return samples;
  }

  /** Start of the first line, from this place on, that begins like this; -1 without one. */
  #lineWith(prefix: string, from: number): number {
    if (from === 0 && this.#text.startsWith(prefix)) return 0;
    const newline = this.#text.indexOf(`\n${prefix}`, Math.max(0, from - 1));
    return newline === -1 ? -1 : newline + 1;
  }
}

/** @param line what stands behind the name */
function readSample(line: string): Sample | undefined {
  const labels: Record<string, string> = Object.create(null) as Record<string, string>;
  let at = skipBlanks(line, 0);
  if (line.charCodeAt(at) === OPEN) {
    const end = readLabels(line, at + 1, labels);
    if (end === undefined) return undefined;
    at = end;
  }
  // A time stamp may follow the value.
  const [word = ''] = line.slice(at).trim().split(BLANKS);
  const value = readValue(word);
  return value === undefined ? undefined : { labels, value };
}

/** @returns the place behind the closing brace, or undefined where the line is broken. A label's value may hold braces and commas. */
function readLabels(line: string, start: number, labels: Record<string, string>): number | undefined {
  let at = start;
  for (;;) {
    at = skipBlanks(line, at);
    if (line[at] === '}') return at + 1;
    const equals = line.indexOf('=', at);
    const name = line.slice(at, Math.max(at, equals)).trim();
    if (!/^[a-zA-Z_]\w*$/.test(name)) return undefined;
    at = skipBlanks(line, equals + 1);
    if (line.charCodeAt(at) !== QUOTE) return undefined;
    const from = ++at;
    let escaped = false;
    for (; line.charCodeAt(at) !== QUOTE; at++) {
      if (at >= line.length) return undefined;
      if (line.charCodeAt(at) !== BACKSLASH) continue;
      escaped = true;
      at++;
    }
    const value = line.slice(from, at);
    labels[name] = escaped ? value.replaceAll(/\\(.)/g, (_whole, next: string) => (next === 'n' ? '\n' : next)) : value;
    at = skipBlanks(line, at + 1);
    if (line[at] === ',') at++;
    else if (line[at] !== '}') return undefined;
  }
}

function skipBlanks(text: string, at: number): number {
  let position = at;
  while (text.charCodeAt(position) === 32 || text.charCodeAt(position) === 9) position++;
  return position;
}

/** A Go float, as the format says: `+Inf`, `-Inf` and `NaN` are values. */
function readValue(word: string): number | undefined {
  if (/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word)) return Number(word);
  if (/^nan$/i.test(word)) return Number.NaN;
  const infinite = /^([-+]?)inf(inity)?$/i.exec(word);
  if (infinite === null) return undefined;
  return infinite[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
