import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { GatewayError } from '../errors.ts';

import { slow, tooLarge } from './body.ts';
import { boundaryOf, FieldFinder, type FieldSpan, MultipartError } from './multipart.ts';
import { discard } from './passing.ts';

/** What stays in memory of an upload, so that another backend can be asked: longer uploads have one attempt. */
const RETAINED_BYTES = 8 * 1024 * 1024;

/** What {@link Upload.open} has read. */
interface Head {
  readonly chunks: Buffer[];
  readonly bytes: number;
  readonly finder: FieldFinder;
  /** Time that is left for the rest; 0: no limit. */
  readonly timeoutMs: number;
}

/**
 * A multipart upload on its way through: read up to the field that names the model, then passed on as it comes.
 * The part that was read stays in memory and can be sent again, up to a bound.
 */
export class Upload {
  readonly model: FieldSpan;
  readonly #request: IncomingMessage;
  readonly #limit: number;
  readonly #finder: FieldFinder;
  #retained: Buffer[];
  #bytes: number;
  #ended = false;
  #overflow = false;
  #error: GatewayError | undefined;
  #sink: Readable | undefined;

  private constructor(request: IncomingMessage, limit: number, { chunks, bytes, finder, timeoutMs }: Head) {
    this.#request = request;
    this.#limit = limit;
    this.#retained = chunks;
    this.#bytes = bytes;
    this.#finder = finder;
    this.model = finder.found!;
    const timer = timeoutMs > 0 ? setTimeout(() => this.#fail(slow(timeoutMs)), timeoutMs) : undefined;
    request.on('data', this.#data);
    request.on('end', () => {
      clearTimeout(timer);
      this.#ended = true;
      this.#sink?.push(null);
    });
    request.on('close', () => {
      clearTimeout(timer);
      if (!this.#ended) this.#fail(new GatewayError('TK_BAD_REQUEST', 'the request ended before its body was complete'));
    });
    request.pause();
  }

  /**
   * Reads as far as the field `model`.
   * @throws GatewayError TK_MEDIA_TYPE, TK_MODEL_REQUIRED, TK_BAD_REQUEST, TK_LENGTH, TK_TIMEOUT_REQUEST
   */
  static open(request: IncomingMessage, limit: number, timeoutMs: number): Promise<Upload> {
    const boundary = boundaryOf(request.headers['content-type'] ?? '');
    if (boundary === undefined)
      return Promise.reject(new GatewayError('TK_MEDIA_TYPE', 'the content type must be multipart/form-data with a boundary'));
    if (Number(request.headers['content-length'] ?? 0) > limit) return Promise.reject(tooLarge(limit));
    return new Promise((resolve, reject) => {
      const finder = new FieldFinder('model', boundary);
      const chunks: Buffer[] = [];
      const startedAt = performance.now();
      let bytes = 0;
      const timer = timeoutMs > 0 ? setTimeout(() => stop(slow(timeoutMs)), timeoutMs) : undefined;
      const stop = (error?: GatewayError) => {
        clearTimeout(timer);
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        request.pause();
        if (error !== undefined) {
          reject(error);
          return;
        }
        const left = timeoutMs > 0 ? Math.max(1, timeoutMs - (performance.now() - startedAt)) : 0;
        resolve(new Upload(request, limit, { chunks, bytes, finder, timeoutMs: left }));
      };
      const onData = (chunk: Buffer) => {
        bytes += chunk.length;
        chunks.push(chunk);
        const error = bytes > limit ? tooLarge(limit) : pushTo(finder, chunk);
        if (error !== undefined) stop(error);
        else if (finder.found !== undefined) stop();
        else if (finder.ended) stop(new GatewayError('TK_MODEL_REQUIRED', 'the form has no field "model"', { param: 'model' }));
      };
      const onEnd = () => stop(new GatewayError('TK_BAD_REQUEST', 'the form ended before its final boundary'));
      const onClose = () => stop(new GatewayError('TK_BAD_REQUEST', 'the request ended before its body was complete'));
      request.on('data', onData).on('end', onEnd).on('close', onClose);
    });
  }

  /** Whether {@link body} can be called once more. */
  get replayable(): boolean {
    return !this.#overflow;
  }

  /** The body from its beginning, with another model where one is given. Ends an earlier one. */
  body(model: string | undefined): Readable {
    this.#sink?.destroy();
    const request = this.#request;
    const sink = new Readable({ read: () => void request.resume() });
    sink.on('error', () => {
      // The request that carries it fails by itself.
    });
    this.#sink = sink;
    for (const chunk of this.#withModel(model)) sink.push(chunk);
    if (this.#error !== undefined) sink.destroy(this.#error);
    else if (this.#ended) sink.push(null);
    return sink;
  }

  /** The request is answered: what its client still sends is not wanted any more. */
  release(): void {
    this.#sink?.destroy();
    this.#retained = [];
    this.#overflow = true;
    this.#request.off('data', this.#data);
    discard(this.#request);
  }

  #withModel(model: string | undefined): Buffer[] {
    if (model === undefined || model === this.model.value) return this.#retained;
    const whole = Buffer.concat(this.#retained);
    return [whole.subarray(0, this.model.start), Buffer.from(model), whole.subarray(this.model.end)];
  }

  readonly #data = (chunk: Buffer): void => {
    this.#bytes += chunk.length;
    const error = this.#bytes > this.#limit ? tooLarge(this.#limit) : pushTo(this.#finder, chunk);
    if (error !== undefined) {
      this.#fail(error);
      return;
    }
    const sink = this.#sink;
    if (sink === undefined || sink.destroyed) {
      // One attempt has ended and the next one has not begun: it will need this chunk, and can wait for more.
      this.#retained.push(chunk);
      if (sink !== undefined) this.#request.pause();
      return;
    }
    if (this.#bytes <= RETAINED_BYTES && !this.#overflow) this.#retained.push(chunk);
    else {
      this.#overflow = true;
      this.#retained = [];
    }
    if (!sink.push(chunk)) this.#request.pause();
  };

  #fail(error: GatewayError): void {
    this.#error ??= error;
    this.#sink?.destroy(this.#error);
    this.#request.pause();
  }
}

function pushTo(finder: FieldFinder, chunk: Buffer): GatewayError | undefined {
  try {
    finder.push(chunk);
    return undefined;
  } catch (error) {
    if (!(error instanceof MultipartError)) throw error;
    return new GatewayError('TK_BAD_REQUEST', error.message);
  }
}
