import type { IncomingHttpHeaders } from 'node:http';
import type { Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createZstdDecompress, constants } from 'node:zlib';

import { SseEvent, SseScanner } from '../http/sse.ts';
import type { StreamReader } from '../llm/stream.ts';
import type { StreamEvent } from '../llm/codec.ts';
import type { Accepted, EventScanner, Facts, Reading } from './call.ts';
import type { Upstream } from './upstream.ts';
import { UnacceptableAnswer } from './failure.ts';

/** Takes the body of one answer. May throw UnacceptableAnswer from `data` and `end`. */
export interface Receiver {
  readonly facts: Facts | undefined;
  /** Content events so far. */
  readonly tokens: number;
  data(chunk: Buffer): void;
  end(): void;
  /** Holds back what is on its way inside, and lets it go on. */
  pause?(): void;
  resume?(): void;
  /** Nothing more comes, and nothing is wanted. */
  close(): void;
}

/** Error bodies are read up to here: they are messages. */
const MAX_ERROR_BYTES = 64 * 1024;
/** Events are held back before the first token up to here. */
const MAX_HELD_BYTES = 64 * 1024;

/** Bytes as they come, for answers that are not read: audio, ordinary traffic. The head or the first byte commits. */
export class RawReceiver implements Receiver {
  readonly facts = undefined;
  readonly tokens = 0;
  readonly #upstream: Upstream;
  readonly #status: number;

  constructor(upstream: Upstream, status: number, headAtOnce: boolean) {
    this.#upstream = upstream;
    this.#status = status;
    const length = upstream.contentLength;
    if (length !== undefined) upstream.answer['content-length'] = length;
    if (!headAtOnce) return;
    this.#commit();
    upstream.exchange.reply.flush();
  }

  data(chunk: Buffer): void {
    this.#commit();
    if (!this.#upstream.exchange.reply.write(chunk)) this.#upstream.pause();
  }

  end(): void {
    this.#commit();
    this.#upstream.exchange.reply.end();
    this.#upstream.complete();
  }

  close(): void {
    // Nothing is held.
  }

  #commit(): void {
    const { exchange } = this.#upstream;
    if (!exchange.committed) exchange.commit(this.#upstream, this.#status, this.#upstream.answer);
  }
}

/** A body that is read to its end before anything comes of it. */
abstract class BodyReceiver implements Receiver {
  facts: Facts | undefined;
  readonly tokens = 0;
  readonly #body: Body;

  constructor(upstream: Upstream, headers: IncomingHttpHeaders, limit: number) {
    this.#body = new Body(headers, limit, upstream, (body) => this.whole(body));
  }

  protected abstract whole(body: Buffer): void;

  data(chunk: Buffer): void {
    this.#body.data(chunk);
  }

  end(): void {
    this.#body.end();
  }

  close(): void {
    this.#body.close();
  }
}

/** An error answer, kept until it is known whether another backend does better. */
export class ErrorReceiver extends BodyReceiver {
  readonly #fail: (body: Buffer) => void;

  constructor(upstream: Upstream, status: number, headers: IncomingHttpHeaders) {
    super(upstream, headers, MAX_ERROR_BYTES);
    this.#fail = (body) =>
      upstream.fail({ reason: 'status', message: `the backend answered ${status}`, answer: { status, headers, body } });
  }

  protected whole(body: Buffer): void {
    this.#fail(body);
  }
}

type Accept = (body: Buffer, headers: IncomingHttpHeaders) => Accepted;

/** A whole answer, checked before the client sees any of it. */
export class WholeReceiver extends BodyReceiver {
  readonly #upstream: Upstream;
  readonly #status: number;
  readonly #headers: IncomingHttpHeaders;
  readonly #accept: Accept;

  constructor(upstream: Upstream, status: number, headers: IncomingHttpHeaders, accept: Accept) {
    super(upstream, headers, upstream.exchange.call.plan.maxAnswerBytes);
    this.#upstream = upstream;
    this.#status = status;
    this.#headers = headers;
    this.#accept = accept;
  }

  protected whole(body: Buffer): void {
    const { exchange, answer } = this.#upstream;
    const accepted = this.#accept(body, this.#headers);
    this.facts = accepted;
    const sent = accepted.body ?? body;
    delete answer['content-encoding'];
    answer['content-length'] = String(sent.length);
    if (accepted.headers !== undefined) Object.assign(answer, accepted.headers);
    exchange.commit(this.#upstream, this.#status, answer);
    exchange.reply.end(sent);
    this.#upstream.complete();
  }
}

type EventReading = Extract<Reading, { mode: 'events' }>;

/** A stream of events: held back until the first token, then passed on as they come, complete ones only. */
export class EventReceiver implements Receiver {
  readonly #upstream: Upstream;
  readonly #status: number;
  readonly #reader: StreamReader;
  readonly #scanner: EventScanner;
  readonly #decoder: Transform | undefined;
  readonly #reading: EventReading;
  /** Whether the client has the backend's own error event. */
  errorPassed = false;
  #held: Buffer[] = [];
  #heldBytes = 0;
  #out: Buffer[] = [];
  #ended = false;

  constructor(upstream: Upstream, status: number, headers: IncomingHttpHeaders, reading: EventReading) {
    this.#upstream = upstream;
    this.#status = status;
    this.#reader = reading.reader;
    this.#reading = reading;
    const onEvent = (raw: Buffer, event: StreamEvent): void => this.#event(raw, event);
    this.#scanner = reading.scanner?.(onEvent) ?? new SseScanner({ onEvent });
    delete upstream.answer['content-encoding'];
    this.#decoder = decode(
      headers,
      upstream,
      (chunk) => this.#scan(chunk),
      () => this.#close(),
    );
  }

  get facts(): Facts {
    return { usage: this.#reader.usage, model: this.#reader.model };
  }

  get tokens(): number {
    return this.#reader.tokens;
  }

  data(chunk: Buffer): void {
    if (this.#decoder === undefined) this.#scan(chunk);
    else this.#decoder.write(chunk);
  }

  end(): void {
    if (this.#decoder === undefined) this.#close();
    else this.#decoder.end();
  }

  pause(): void {
    this.#decoder?.pause();
  }

  resume(): void {
    this.#decoder?.resume();
  }

  close(): void {
    this.#scanner.stop();
    this.#decoder?.destroy();
  }

  #scan(chunk: Buffer): void {
    try {
      this.#scanner.push(chunk);
    } finally {
      // Events before a bad one are good.
      this.#flush();
    }
    if (!this.#ended) return;
    // The answer is whole, whatever the backend does with its connection now.
    this.#upstream.exchange.reply.end();
    this.#upstream.complete(true);
  }

  #event(text: Buffer, event: StreamEvent): void {
    if (this.#ended) return;
    const { exchange } = this.#upstream;
    const meaning = this.#reader.read(event);
    if (meaning === 'drop') return;
    const { edit, beforeEnd } = this.#reading;
    const raw = edit === undefined ? text : edit(text, event);
    if (raw === undefined) return;
    if (meaning === 'malformed') throw new UnacceptableAnswer('malformed', 'the backend sent an event that its API does not have');
    if (meaning === 'error') {
      if (!exchange.committed) throw new UnacceptableAnswer('stream_error', 'the backend began its stream with an error');
      this.errorPassed = !this.#reading.leaks(raw);
      if (this.errorPassed) this.#out.push(raw);
      throw new UnacceptableAnswer('stream_error', 'the backend ended its stream with an error');
    }
    if (meaning === 'end') this.#ended = true;
    const last = meaning === 'end' ? beforeEnd?.(this.facts) : undefined;
    if (last !== undefined) (exchange.committed ? this.#out : this.#held).push(last);
    if (!exchange.committed) {
      this.#held.push(raw);
      this.#heldBytes += raw.length;
      if (meaning === 'hold' && this.#heldBytes < MAX_HELD_BYTES) return;
      exchange.commit(this.#upstream, this.#status, this.#upstream.answer);
      this.#out.push(...this.#held);
      this.#held = [];
      return;
    }
    const neighbour = this.#out.at(-1);
    // Neighbours in one chunk are written as one piece, without a copy.
    if (neighbour !== undefined && neighbour.buffer === raw.buffer && neighbour.byteOffset + neighbour.length === raw.byteOffset) {
      this.#out[this.#out.length - 1] = Buffer.from(raw.buffer, neighbour.byteOffset, neighbour.length + raw.length);
    } else this.#out.push(raw);
  }

  #flush(): void {
    const out = this.#out;
    if (out.length === 0) return;
    this.#out = [];
    const { reply } = this.#upstream.exchange;
    if (!reply.write(out.length === 1 ? out[0]! : Buffer.concat(out))) this.#upstream.pause();
  }

  #close(): void {
    const { leftover, incomplete } = this.#scanner.end();
    const { exchange } = this.#upstream;
    // Clients read a last `[DONE]` without its blank line; any other half event is a cut.
    const done = incomplete && isDone(leftover) && this.#reader.read(new SseEvent(leftover)) === 'end';
    const rest = this.#reading.rest?.();
    if (!done && (incomplete || !this.#reader.complete)) {
      throw new UnacceptableAnswer('truncated', 'the backend ended its stream before the answer was complete');
    }
    const last = this.#reading.beforeEnd?.(this.facts);
    if (last !== undefined) this.#out.push(last);
    if (rest !== undefined) this.#out.push(rest);
    else if (done) this.#out.push(Buffer.from('data: [DONE]\n\n'));
    if (!exchange.committed) {
      exchange.commit(this.#upstream, this.#status, this.#upstream.answer);
      this.#out.unshift(...this.#held);
    }
    this.#flush();
    exchange.reply.end();
    this.#upstream.complete();
  }
}

function isDone(leftover: Buffer): boolean {
  return leftover.length < 64 && /^data: ?\[DONE\]\s*$/.test(leftover.toString('latin1'));
}

/** Collects a body, decoded, up to a bound. */
class Body {
  readonly #chunks: Buffer[] = [];
  readonly #limit: number;
  readonly #done: (body: Buffer) => void;
  readonly #decoder: Transform | undefined;
  #length = 0;

  constructor(headers: IncomingHttpHeaders, limit: number, upstream: Upstream, done: (body: Buffer) => void) {
    this.#limit = limit;
    this.#done = done;
    this.#decoder = decode(
      headers,
      upstream,
      (chunk) => this.#add(chunk),
      () => this.#finish(),
    );
  }

  data(chunk: Buffer): void {
    if (this.#decoder === undefined) this.#add(chunk);
    else this.#decoder.write(chunk);
  }

  end(): void {
    if (this.#decoder === undefined) this.#finish();
    else this.#decoder.end();
  }

  close(): void {
    this.#decoder?.destroy();
  }

  #add(chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length > this.#limit)
      throw new UnacceptableAnswer('malformed', `the answer of the backend is larger than ${this.#limit} bytes`);
    this.#chunks.push(chunk);
  }

  #finish(): void {
    this.#done(this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks, this.#length));
  }
}

/** Undoes a content coding that the backend used though nobody asked for one. */
function decode(
  headers: IncomingHttpHeaders,
  upstream: Upstream,
  onData: (chunk: Buffer) => void,
  onEnd: () => void,
): Transform | undefined {
  const coding = headers['content-encoding']?.trim().toLowerCase();
  if (coding === undefined || coding === '' || coding === 'identity') return undefined;
  const decoder = decoderOf(coding);
  if (decoder === undefined)
    throw new UnacceptableAnswer('malformed', `the answer has the content coding ${coding.slice(0, 40)}, which was not asked for`);
  decoder.on('data', (chunk: Buffer) => upstream.guard(() => onData(chunk)));
  decoder.on('end', () => upstream.guard(onEnd));
  decoder.on('error', (error) => upstream.fail({ reason: 'malformed', message: `the answer is no valid ${coding}`, cause: error }));
  return decoder;
}

function decoderOf(coding: string): Transform | undefined {
  // A stream must come out as it comes in: flush after each write.
  if (coding === 'gzip' || coding === 'x-gzip') return createGunzip({ flush: constants.Z_SYNC_FLUSH });
  if (coding === 'deflate') return createInflate({ flush: constants.Z_SYNC_FLUSH });
  if (coding === 'br') return createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH });
  if (coding === 'zstd') return createZstdDecompress({ flush: constants.ZSTD_e_flush });
  return undefined;
}
