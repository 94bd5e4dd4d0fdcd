import type { IncomingHttpHeaders } from 'node:http';

import type { AttemptWatch, Facts } from '#core/attempt/call';
import type { Failure } from '#core/attempt/failure';
import { type SseEvent, SseEventTooLarge, SseScanner } from '#core/http/sse';
import { JsonSyntaxError, scanObject } from '#core/json/scan';
import type { StreamReader } from '#core/llm/stream';
import type { ApiEndpoint } from '#core/read/endpoints';

/** A JSON answer is kept up to here, for the usage in it. */
const MAX_JSON_BYTES = 4 * 1024 * 1024;
const NO_FACTS: Facts = { usage: undefined, model: undefined };

/** Reads an answer that a gateway shows, and changes nothing in it. */
export interface AnswerReader {
  readonly facts: Facts;
  /** Content events so far. */
  readonly tokens: number;
  data(chunk: Buffer): void;
  /** The answer is over. @returns what is wrong with it */
  end(): Failure | undefined;
}

export function answerReader(
  endpoint: ApiEndpoint | undefined,
  headers: IncomingHttpHeaders,
  watch: Pick<AttemptWatch, 'firstToken' | 'tokens'>,
): AnswerReader {
  const type = headers['content-type']?.toLowerCase() ?? '';
  const coding = headers['content-encoding'];
  const isPlain = coding === undefined || coding === 'identity';
  if (isPlain && endpoint?.stream !== undefined && type.startsWith('text/event-stream'))
    return new EventAnswer(endpoint.stream(false), watch);
  if (isPlain && endpoint?.usage !== undefined && type.includes('json')) return new JsonAnswer(endpoint.usage);
  return new OpaqueAnswer(watch);
}

class EventAnswer implements AnswerReader {
  readonly #reader: StreamReader;
  readonly #watch: Pick<AttemptWatch, 'firstToken' | 'tokens'>;
  readonly #scanner = new SseScanner({ onEvent: (_, event) => this.#event(event) });
  #begun = false;
  #ended = false;
  /** An event was too large to be kept: nothing is known of the rest. */
  #lost = false;
  #failure: Failure | undefined;

  constructor(reader: StreamReader, watch: Pick<AttemptWatch, 'firstToken' | 'tokens'>) {
    this.#reader = reader;
    this.#watch = watch;
  }

  get facts(): Facts {
    return { usage: this.#reader.usage, model: this.#reader.model };
  }

  get tokens(): number {
    return this.#reader.tokens;
  }

  data(chunk: Buffer): void {
    if (this.#ended || this.#failure !== undefined) return;
    const before = this.#reader.tokens;
    try {
      this.#scanner.push(chunk);
    } catch (error) {
      if (!(error instanceof SseEventTooLarge)) throw error;
      this.#lost = true;
    }
    if (this.#reader.tokens > before) this.#watch.tokens(this.#reader.tokens - before, performance.now());
  }

  #event(event: SseEvent): void {
    if (this.#ended || this.#failure !== undefined) return;
    const meaning = this.#reader.read(event);
    if (meaning === 'hold' || meaning === 'drop') return;
    if (meaning === 'error') this.#failure = { reason: 'stream_error', message: 'the stream ended with an error' };
    else if (meaning === 'malformed')
      this.#failure = { reason: 'malformed', message: 'the stream has an event that its API does not have' };
    else {
      this.#ended = meaning === 'end';
      if (!this.#begun) this.#watch.firstToken(performance.now());
      this.#begun = true;
    }
  }

  end(): Failure | undefined {
    const { leftover } = this.#scanner.end();
    if (this.#failure !== undefined || this.#ended || this.#lost || this.#reader.complete) return this.#failure;
    // Some servers leave out the blank line behind it.
    if (leftover.length < 64 && leftover.includes('[DONE]')) return undefined;
    return { reason: 'truncated', message: 'the stream ended before the answer was complete' };
  }
}

class JsonAnswer implements AnswerReader {
  facts = NO_FACTS;
  readonly tokens = 0;
  readonly #usage: NonNullable<ApiEndpoint['usage']>;
  #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(usage: NonNullable<ApiEndpoint['usage']>) {
    this.#usage = usage;
  }

  data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes <= MAX_JSON_BYTES) this.#chunks.push(chunk);
    else this.#chunks = [];
  }

  end(): undefined {
    if (this.#chunks.length === 0) return;
    const { member, read } = this.#usage;
    try {
      const scan = scanObject(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks));
      this.facts = { usage: scan.has(member) ? read(scan.parse(member)) : undefined, model: scan.string('model') };
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
    }
  }
}

/** Audio, compressed answers, paths that nobody knows: all that is seen is that there is something. */
class OpaqueAnswer implements AnswerReader {
  readonly facts = NO_FACTS;
  readonly tokens = 0;
  readonly #watch: Pick<AttemptWatch, 'firstToken'>;
  #begun = false;

  constructor(watch: Pick<AttemptWatch, 'firstToken'>) {
    this.#watch = watch;
  }

  data(): void {
    if (!this.#begun) this.#watch.firstToken(performance.now());
    this.#begun = true;
  }

  end(): undefined {}
}
