import type { Readable } from 'node:stream';
import { stripVTControlCharacters } from 'node:util';

import type { LogLevel } from './events.ts';

/** Characters of one line that are kept; the rest of a longer one is dropped. */
const MOST_CHARACTERS = 2000;

/** Reads a stream line by line in bounded memory, whatever it brings. Control characters are taken out: a terminal may show the lines. */
export function readLines(stream: Readable, onLine: (line: string) => void): void {
  stream.setEncoding('utf8');
  let rest = '';
  let skipping = false;
  const say = (line: string) => onLine(printable(line.length > MOST_CHARACTERS ? `${line.slice(0, MOST_CHARACTERS)}…` : line));
  stream.on('data', (chunk: string) => {
    const [head = '', ...lines] = chunk.split('\n');
    if (!skipping) rest += head;
    if (lines.length > 0) {
      if (!skipping) say(rest);
      skipping = false;
      rest = lines.pop()!;
      for (const line of lines) say(line);
    }
    if (rest.length > MOST_CHARACTERS) {
      say(rest);
      rest = '';
      skipping = true;
    }
  });
  stream.on('end', () => {
    if (rest !== '') say(rest);
  });
}

function printable(line: string): string {
  return stripVTControlCharacters(line).replaceAll(/\p{Cc}/gu, (character) => (character === '\t' ? '\t' : ''));
}

/** The last lines of a process: enough for the trace of an exception with its message. */
export class LastLines {
  readonly #most: number;
  #lines: string[] = [];

  constructor(most = 20) {
    this.#most = most;
  }

  push(line: string): void {
    // Traces are full of blank lines.
    if (line.trim() === '') return;
    this.#lines.push(line);
    if (this.#lines.length > this.#most) this.#lines.shift();
  }

  /** Hands the lines over, and begins anew. */
  take(): readonly string[] {
    const lines = this.#lines;
    this.#lines = [];
    return lines;
  }
}

const LOG_LINE = /^\d{4}-\d\d-\d\dT[\d:.]+Z (info|warn|error) /;

/** The level of a line of an operator's log (`TIME LEVEL MESSAGE`), and the line without its time. */
export function readLogLine(line: string): { readonly level: LogLevel | undefined; readonly text: string } {
  const match = LOG_LINE.exec(line);
  if (match === null) return { level: undefined, text: line };
  return { level: match[1] as LogLevel, text: line.slice(match[0].length) };
}
