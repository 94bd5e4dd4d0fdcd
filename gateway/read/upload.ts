import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';

import { GatewayError } from '#core/errors';

import { slow, tooLarge } from './body.ts';
import { boundaryOf, FieldFinder, type FieldSpan, MultipartError } from './multipart.ts';

/** What stays in memory of an upload, so that another backend can be asked: longer uploads have one attempt. */
const RETAINED_BYTES = 8 * 1024 * 1024;

/**
 * A multipart upload on its way through: read up to the field that names the model, then passed on as it comes.
 * The part that was read stays in memory and can be sent again, up to a bound.
 */
export class Upload {
  readonly model: FieldSpan;
  readonly #request: IncomingMessage;
  readonly #limit: number;
  #retained: Buffer[];
  #bytes: number;
  #ended: boolean;
  #overflow = false;
  #error: GatewayError | undefined;
  #sink: Readable | undefined;

  private constructor(
    request: IncomingMessage,
    limit: number,
    timeoutMs: number,
    head: Buffer[],
    bytes: number,
    ended: boolean,
    model: FieldSpan,
  ) {
    this.#request = request;
    this.#limit = limit;
    this.#retained = head;
    this.#bytes = bytes;
    this.#ended = ended;
    this.model = model;
    if (ended) return;
    const timer = timeoutMs > 0 ? setTimeout(() => this.#fail(slow(timeoutMs)), timeoutMs) : undefined;
    request.on('data', (chunk: Buffer) => this.#data(chunk));
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
      const head: Buffer[] = [];
      let bytes = 0;
      const timer = timeoutMs > 0 ? setTimeout(() => stop(slow(timeoutMs)), timeoutMs) : undefined;
      const stop = (outcome: GatewayError | FieldSpan, ended = false) => {
        clearTimeout(timer);
        request.off('data', onData).off('end', onEnd).off('close', onClose);
        request.pause();
        if (outcome instanceof GatewayError) reject(outcome);
        else resolve(new Upload(request, limit, timeoutMs, head, bytes, ended, outcome));
      };
      const onData = (chunk: Buffer) => {
        bytes += chunk.length;
        head.push(chunk);
        if (bytes > limit) {
          stop(tooLarge(limit));
          return;
        }
        try {
          finder.push(chunk);
        } catch (error) {
          stop(new GatewayError('TK_BAD_REQUEST', error instanceof MultipartError ? error.message : 'the body is no multipart/form-data'));
          return;
        }
        if (finder.found !== undefined) stop(finder.found, request.readableEnded);
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

  #withModel(model: string | undefined): Buffer[] {
    if (model === undefined || model === this.model.value) return this.#retained;
    const whole = Buffer.concat(this.#retained);
    return [whole.subarray(0, this.model.start), Buffer.from(model), whole.subarray(this.model.end)];
  }

  #data(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.#bytes > this.#limit) {
      this.#fail(tooLarge(this.#limit));
      return;
    }
    if (!this.#overflow) {
      if (this.#bytes > RETAINED_BYTES) {
        this.#overflow = true;
        this.#retained = [];
      } else this.#retained.push(chunk);
    }
    if (this.#sink !== undefined && !this.#sink.destroyed && !this.#sink.push(chunk)) this.#request.pause();
  }

  #fail(error: GatewayError): void {
    this.#error ??= error;
    this.#sink?.destroy(this.#error);
    this.#request.pause();
  }
}
