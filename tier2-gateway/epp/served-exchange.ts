import type { ServerDuplexStream } from '@grpc/grpc-js';

import { splitChunks } from './chunks.ts';
import { fromHeaderMap, toMutation } from './header-edit.ts';
import type { Header } from './header-edit.ts';
import type { BodySendMode, HttpBody, HttpHeaders, ProcessingRequest, ProcessingResponse } from './messages.ts';
import { DEPRECATED_ALIASES, DESTINATION_SERVED, LB_NAMESPACE, SUBSET_NAMESPACE } from './names.ts';
import { pickReply, readSubset, usable, withBody } from './pick-reply.ts';
import type { AnsweredPick } from './pick-reply.ts';
import type { AnswerWatch, PickAnswer, Picker, ServedInfo } from './served-pick.ts';
import { structMember } from './struct.ts';

export type EppServerCall = ServerDuplexStream<ProcessingRequest, ProcessingResponse>;

export interface ServedExchangeOptions {
  readonly picker: Picker;
  readonly onError: (error: unknown) => void;
  readonly maxBodyBytes: number;
  /** How a gateway shows bodies that does not say so (Envoy before `protocol_config`). */
  readonly assumeMode: BodySendMode;
}

/** One exchange of the server side: a gateway shows a request, is told the endpoints, and shows the response. */
export class ServedExchange {
  readonly #call: EppServerCall;
  readonly #options: ServedExchangeOptions;
  readonly #abort = new AbortController();
  readonly #body: Buffer[] = [];
  #bodyBytes = 0;
  #bodyMessages = 0;
  #headers: Header[] = [];
  #aliases: string[] = [];
  #subset: string[] | undefined;
  #requestMode: BodySendMode = 'NONE';
  #responseMode: BodySendMode = 'NONE';
  #waitForBody = false;
  #asked = false;
  #watch: AnswerWatch | undefined;
  /** The whole answer was shown, or the head of one whose body is not shown. */
  #answered = false;
  #done = false;

  constructor(call: EppServerCall, options: ServedExchangeOptions) {
    this.#call = call;
    this.#options = options;
    call.on('cancelled', () => this.#abort.abort(new Error('the gateway cancelled the request')));
    // The loop below sees it too, unless it is busy with the picker.
    call.on('error', () => this.#abort.abort(new Error('the exchange failed')));
  }

  async run(): Promise<void> {
    try {
      // The stream outlives the loop, which may stop early: its status is still to be sent.
      const messages = this.#call.iterator({ destroyOnReturn: false }) as AsyncIterable<ProcessingRequest>;
      for await (const message of messages) {
        await this.#onMessage(message);
        if (this.#done) break;
      }
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#options.onError(error);
    } finally {
      this.#end();
    }
  }

  #end(): void {
    this.#done = true;
    this.#tellEnd(this.#answered ? 'complete' : 'aborted');
    this.#call.end();
  }

  /** The watch is told once. */
  #tellEnd(how: 'complete' | 'aborted'): void {
    const watch = this.#watch;
    this.#watch = undefined;
    this.#tell(() => watch?.end(how));
  }

  #tell<R>(step: () => R): R | undefined {
    try {
      return step();
    } catch (error) {
      this.#options.onError(error);
      return undefined;
    }
  }

  async #onMessage(message: ProcessingRequest): Promise<void> {
    // Envoy repeats its metadata with every message; not every gateway begins with the first.
    this.#subset ??= readSubset(message.metadataContext?.filterMetadata?.[SUBSET_NAMESPACE]);
    if (message.requestHeaders !== undefined) return this.#onRequestHeaders(message, message.requestHeaders);
    if (message.requestBody !== undefined) return this.#onRequestBody(message.requestBody);
    if (message.requestTrailers !== undefined) return this.#onRequestTrailers();
    if (message.responseHeaders !== undefined) return this.#onResponseHeaders(message, message.responseHeaders);
    if (message.responseBody !== undefined) return this.#onResponseBody(message.responseBody);
    if (message.responseTrailers !== undefined) {
      const rest = this.#tell(() => this.#watch?.data?.(Buffer.alloc(0), true));
      this.#endAnswer();
      if (rest !== undefined && rest.length > 0 && this.#responseMode === 'FULL_DUPLEX_STREAMED')
        await this.#sendStreamedAnswer(rest, false);
      await this.#send({ responseTrailers: {} });
    }
  }

  async #onRequestHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): Promise<void> {
    const config = message.protocolConfig;
    this.#requestMode = config === undefined ? this.#options.assumeMode : (config.requestBodyMode ?? 'NONE');
    this.#responseMode = config === undefined ? this.#options.assumeMode : (config.responseBodyMode ?? 'NONE');
    this.#readHeaders(fromHeaderMap(headers));
    const early = config?.sendBodyWithoutWaitingForHeaderResponse === true;
    this.#waitForBody = this.#requestMode !== 'NONE' && (this.#requestMode !== 'STREAMED' || early) && endOfStream !== true;
    if (!this.#waitForBody) return this.#pick(undefined, async (pick) => this.#send(this.#headersReply(pick)));
    // The gateway holds a buffered body back until the headers are answered, and the headers until the body is.
    if (this.#buffered) await this.#send({ requestHeaders: { response: {} } });
  }

  async #onRequestBody({ body = Buffer.alloc(0), endOfStream }: HttpBody): Promise<void> {
    if (!this.#waitForBody) return this.#send({ requestBody: { response: {} } });
    this.#bodyMessages++;
    this.#bodyBytes += body.length;
    if (this.#bodyBytes > this.#options.maxBodyBytes) {
      return this.#refuse(413, `the request body is larger than the endpoint picker's limit of ${this.#options.maxBodyBytes} bytes`);
    }
    this.#body.push(body);
    if (endOfStream === true || this.#requestMode === 'BUFFERED_PARTIAL') await this.#onWholeBody(false);
  }

  async #onRequestTrailers(): Promise<void> {
    if (this.#waitForBody && !this.#asked) await this.#onWholeBody(true);
    if (!this.#done) await this.#send({ requestTrailers: {} });
  }

  /** @param trailers Trailers follow: they end the body, not its last piece. */
  async #onWholeBody(trailers: boolean): Promise<void> {
    const body = Buffer.concat(this.#body);
    await this.#pick(body, async (pick) => {
      if (this.#buffered) return this.#send({ requestBody: { response: withBody(pick, pick.body) }, dynamicMetadata: pick.metadata });
      await this.#send(this.#headersReply(pick));
      if (this.#requestMode === 'STREAMED') return this.#sendStreamed(pick.body);
      const chunks = [...splitChunks(pick.body ?? body)];
      for (const [index, chunk] of chunks.entries()) {
        const streamedResponse = { body: chunk, endOfStream: !trailers && index === chunks.length - 1 };
        await this.#send({ requestBody: { response: { bodyMutation: { streamedResponse } } } });
      }
    });
    this.#body.length = 0;
  }

  /** One reply for every message; a new body takes the place of the first, and of the others nothing is left. */
  async #sendStreamed(body: Buffer | undefined): Promise<void> {
    for (let index = 0; index < this.#bodyMessages; index++) {
      const bodyMutation = index === 0 && body !== undefined ? { body } : { clearBody: true };
      await this.#send({ requestBody: { response: body === undefined ? {} : { bodyMutation } } });
    }
  }

  get #buffered(): boolean {
    return this.#requestMode === 'BUFFERED' || this.#requestMode === 'BUFFERED_PARTIAL';
  }

  #readHeaders(headers: Header[]): void {
    const names = new Set(headers.map(([name]) => name));
    this.#aliases = [...names].filter((name) => DEPRECATED_ALIASES.has(name));
    this.#headers = headers.flatMap(([name, value]): Header[] => {
      const today = DEPRECATED_ALIASES.get(name);
      if (today === undefined) return [[name, value]];
      return names.has(today) ? [] : [[today, value]];
    });
  }

  async #pick(body: Buffer | undefined, answer: (pick: AnsweredPick) => Promise<void>): Promise<void> {
    if (this.#subset?.length === 0) return this.#refuse(503, 'the subset hint names no endpoint');
    this.#asked = true;
    const { signal } = this.#abort;
    let picked: PickAnswer;
    try {
      picked = await this.#options.picker({ headers: this.#headers, body, subset: this.#subset, signal, answer: this.#responseMode });
      if (!('immediate' in picked)) this.#watch = picked.watch;
    } catch (error) {
      if (this.#abort.signal.aborted) return;
      this.#options.onError(error);
      return this.#refuse(500, 'the endpoint picker failed');
    }
    if (this.#abort.signal.aborted) return;
    if ('immediate' in picked) return this.#immediate(picked.immediate);
    if (picked.body !== undefined && body === undefined) {
      this.#options.onError(new Error('the picker replaced a body that it was not given'));
      return this.#refuse(500, 'the endpoint picker failed');
    }
    const { endpoints, invalid } = usable(picked.endpoints, this.#subset);
    if (invalid.length > 0) this.#options.onError(new Error(`the picker named ${invalid.join(', ')}: no ip:port`));
    if (endpoints.length === 0) return this.#refuse(503, 'no endpoint is ready');
    await answer(pickReply(picked, endpoints, this.#aliases));
  }

  #headersReply(pick: AnsweredPick): ProcessingResponse {
    return { requestHeaders: { response: withBody(pick, undefined) }, dynamicMetadata: pick.metadata };
  }

  async #onResponseHeaders(message: ProcessingRequest, { headers, endOfStream }: HttpHeaders): Promise<void> {
    const all = fromHeaderMap(headers);
    const served = structMember(message.metadataContext?.filterMetadata?.[LB_NAMESPACE], DESTINATION_SERVED);
    const info: ServedInfo = {
      served: typeof served === 'string' ? served : undefined,
      status: Number(all.find(([name]) => name === ':status')?.[1] ?? 0),
      headers: all.filter(([name]) => !name.startsWith(':')),
    };
    const removeHeaders = this.#tell(() => this.#watch?.head?.(info));
    if (endOfStream === true) this.#endAnswer();
    // Without bodies to come, nothing tells how the response ends: it counts as ended when the gateway closes the exchange.
    else if (this.#responseMode === 'NONE') this.#answered = true;
    await this.#send({
      responseHeaders: { response: removeHeaders === undefined ? {} : { headerMutation: toMutation([], removeHeaders) } },
    });
  }

  async #onResponseBody({ body = Buffer.alloc(0), endOfStream = false }: HttpBody): Promise<void> {
    const changed = this.#tell(() => this.#watch?.data?.(body, endOfStream));
    if (endOfStream) this.#endAnswer();
    if (this.#responseMode !== 'FULL_DUPLEX_STREAMED') return this.#send({ responseBody: { response: {} } });
    // What is held back is no message: replies need not come one by one.
    if (changed?.length === 0 && !endOfStream) return;
    await this.#sendStreamedAnswer(changed ?? body, endOfStream);
  }

  async #sendStreamedAnswer(body: Buffer, end: boolean): Promise<void> {
    const chunks = [...splitChunks(body)];
    for (const [index, chunk] of chunks.entries()) {
      const streamedResponse = { body: chunk, endOfStream: end && index === chunks.length - 1 };
      await this.#send({ responseBody: { response: { bodyMutation: { streamedResponse } } } });
    }
  }

  #endAnswer(): void {
    this.#answered = true;
    this.#tellEnd('complete');
  }

  #refuse(status: number, message: string): Promise<void> {
    const body = Buffer.from(JSON.stringify({ error: { message, type: status < 500 ? 'invalid_request_error' : 'server_error' } }));
    return this.#immediate({ status, body, headers: [['content-type', 'application/json']] });
  }

  async #immediate({ status, body, headers }: { status: number; body?: Buffer; headers?: readonly Header[] }): Promise<void> {
    await this.#send({
      immediateResponse: {
        status: { code: status },
        ...(headers === undefined ? {} : { headers: toMutation(headers) }),
        ...(body === undefined ? {} : { body }),
      },
    });
    this.#done = true;
  }

  /** Resolves when the gateway takes it: a slow gateway is not read either. */
  async #send(message: ProcessingResponse): Promise<void> {
    if (this.#abort.signal.aborted) return;
    const { signal } = this.#abort;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
      this.#call.write(message, done);
    });
  }
}
