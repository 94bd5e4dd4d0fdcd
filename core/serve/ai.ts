import type { IncomingHttpHeaders } from 'node:http';

import type { Endpoint } from '../attempt/backend.ts';
import type { Accepted, Call, Facts, Outbound, Outcome, Reading } from '../attempt/call.ts';
import { Exchange } from '../attempt/exchange.ts';
import { AttemptFailed, type Failure, UnacceptableAnswer } from '../attempt/failure.ts';
import { GatewayError } from '../errors.ts';
import { filterParams } from '../identify/places.ts';
import { type JsonObjectScan, JsonSyntaxError, scanObject } from '../json/scan.ts';
import type { StreamEvent } from '../llm/codec.ts';
import { CODECS, type TranslatedDialect } from '../llm/codecs.ts';
import type { Conversation } from '../llm/conversation.ts';
import { backendError, errorBody, errorEvent, translatedError } from '../llm/dialect.ts';
import { OperationTranslation } from '../providers/operation-translation.ts';
import type { OperationWire } from '../providers/operations.ts';
import { fetchMedia, type Wanted } from '../providers/media/fetch-media.ts';
import { wantedIn, withBytes } from '../providers/media/wanted.ts';
import { type AiRequest, type AiTarget, authorize, encode, encodeOverWire, encodeTranslated } from '../providers/target.ts';
import type { Translated } from '../providers/translated.ts';
import { awsEvents } from '../providers/transports/aws-events.ts';
import { answerId, notStreamed, Translation } from '../providers/translation.ts';
import { serves, type Way, wayOf } from '../providers/way.ts';
import type { Wire } from '../providers/wire.ts';
import { editAnswer } from '../route/filters.ts';
import { without } from '../telemetry/trace/flat-headers.ts';
import { ordinaryHeaders, ordinaryPath } from './ordinary.ts';
import type { ApiRequest } from './pipeline.ts';

/** Names of parameters that carry credentials at one provider or another. */
const CREDENTIAL_PARAMS = new Set(['key', 'api_key', 'apikey', 'api-key', 'access_token', 'token', 'code', 'api-version']);

/** What a tier changes in an answer on its way to the client. */
export interface AnswerEditor {
  /** What is sent instead of an event; undefined: nothing. */
  readonly event?: (raw: Buffer, event: StreamEvent) => Buffer | undefined;
  /** What is sent before a stream's end marker. */
  readonly beforeEnd?: (facts: Facts) => Buffer | undefined;
  readonly whole?: (scan: JsonObjectScan, facts: Facts, headers: IncomingHttpHeaders) => Pick<Accepted, 'body' | 'headers'>;
}

/** The attempts of one request to a model API: how each is built and read, and how it ends. */
export class AiCall implements Call<AiTarget> {
  readonly plan;
  readonly stream: boolean;
  protected readonly api: ApiRequest;
  protected readonly ai: AiRequest;
  #conversation: Conversation | undefined;
  /** Of the last attempt, where its backend speaks another API than the client. */
  #translation: Translated | undefined;
  /** Of the last attempt. */
  #way: Way | undefined;

  constructor(api: ApiRequest) {
    const { request, match, endpoint, json, upload } = api;
    const { rule } = match;
    this.api = api;
    // Targets of an HTTPRoute that leads to a pool are those of an AIGatewayRoute that changes nothing.
    this.plan = rule.ai ? rule.plan : rule.pooledPlan!;
    this.stream = json?.stream ?? false;
    if (request.trace !== undefined) request.trace.body = json?.scan.bytes;
    this.ai = {
      endpoint,
      headers: request.raw.headers,
      query: filterParams(
        request.query,
        (name) => !CREDENTIAL_PARAMS.has(name.toLowerCase()) && rule.security?.ownedParams.has(name) !== true,
      ),
      model: request.model!,
      identityHeaders: request.identity.headers,
      json,
      upload,
    };
  }

  start(): void {
    new Exchange(this, this.api.request.reply).start();
  }

  replayable = (): boolean => this.api.upload?.replayable ?? true;

  encode(target: AiTarget, endpoint: Endpoint, attempt: number): Outbound | Promise<Outbound> {
    const fetching = target.fetchesMedia === true ? this.#fetching(target) : undefined;
    return fetching === undefined ? this.#encode(target, endpoint, attempt) : fetching.then(() => this.#encode(target, endpoint, attempt));
  }

  /** Fetches what the backend's API takes as bytes alone, where there is such in the request. */
  #fetching(target: AiTarget): Promise<void> | undefined {
    const way = wayOf(this.ai.endpoint, target.schema)!;
    if (way.how !== 'conversation' || way.wire.dialect === this.ai.endpoint.conversation) return undefined;
    try {
      const wanted = wantedIn(this.#said, way.wire.bytesOnly);
      return wanted.length === 0 ? undefined : this.#fetch(wanted);
    } catch (error) {
      throw passedOver(error);
    }
  }

  async #fetch(wanted: readonly Wanted[]): Promise<void> {
    try {
      this.#conversation = withBytes(this.#said, await fetchMedia(wanted));
    } catch (error) {
      throw passedOver(error);
    }
  }

  #encode(target: AiTarget, endpoint: Endpoint, attempt: number): Outbound | Promise<Outbound> {
    const built = this.outbound(target, endpoint);
    this.api.request.trace?.inject(built.headers, attempt, this.ai.headers);
    // W3C Baggage, section 4: what clients say to each other in it is nothing for a stranger.
    if (this.ai.headers['baggage'] !== undefined && !this.isOurs(target)) without(built.headers, 'baggage');
    const outbound = this.prepare(built, target, attempt);
    return outbound instanceof Promise
      ? outbound.then((ready) => authorize(ready, target, this.ai.headers))
      : authorize(outbound, target, this.ai.headers);
  }

  /** The request to one backend, without its credential. */
  protected outbound(target: AiTarget, endpoint: Endpoint): Outbound {
    const { request, match } = this.api;
    const way = wayOf(this.ai.endpoint, target.schema)!;
    this.#way = way;
    this.#translation = undefined;
    const outbound = this.#outboundBy(way, target, endpoint);
    if (match.rule.ai) return outbound;
    return {
      ...outbound,
      path: ordinaryPath(request, match.rule, match),
      headers: ordinaryHeaders(outbound.headers, match.rule, target.ordinary),
    };
  }

  #outboundBy(way: Way, target: AiTarget, endpoint: Endpoint): Outbound {
    if (way.how === 'pass') return encode(this.ai, target, endpoint, way.below, this.modelAt(target));
    if (way.how === 'conversation' && way.wire.dialect === this.api.endpoint.conversation)
      return encodeOverWire(this.ai, target, endpoint, way.wire, this.modelAt(target));
    try {
      return way.how === 'conversation' ? this.#converse(target, endpoint, way.wire) : this.#operate(target, endpoint, way.wire);
    } catch (error) {
      throw passedOver(error);
    }
  }

  /** @throws GatewayError TK_BAD_REQUEST, TK_UNSUPPORTED */
  #operate(target: AiTarget, endpoint: Endpoint, wire: OperationWire): Outbound {
    const { match } = this.api;
    const model = this.modelAt(target) ?? this.ai.model;
    const translation = new OperationTranslation({
      operation: wire.operation(target.schema),
      request: this.ai.json!.scan,
      model,
      edits: target.bodyEdits,
      strict: match.rule.ai && match.rule.strict,
    });
    this.#translation = translation;
    const { verb, body } = translation;
    return encodeTranslated(this.ai, target, endpoint, wire.path(target, model, verb), body, wire.headers);
  }

  /** @throws GatewayError TK_BAD_REQUEST, TK_UNSUPPORTED */
  #converse(target: AiTarget, endpoint: Endpoint, wire: Wire): Outbound {
    const translation = this.#translate(target, wire);
    this.#translation = translation;
    const { model, body } = translation;
    return encodeTranslated(this.ai, target, endpoint, wire.path(target, model, this.stream), body, wire.headers);
  }

  /** What the client said, read when a backend needs it in other words. @throws GatewayError TK_BAD_REQUEST, TK_UNSUPPORTED */
  get #said(): Conversation {
    return (this.#conversation ??= CODECS[this.api.endpoint.conversation as TranslatedDialect].decodeRequest(this.ai.json!.scan));
  }

  #translate(target: AiTarget, wire: Wire): Translation {
    const { request, match, endpoint } = this.api;
    const { bound } = this.ai;
    const json = this.ai.json!;
    return new Translation({
      from: endpoint.conversation as TranslatedDialect,
      to: wire.dialect,
      conversation: this.#said,
      model: this.modelAt(target) ?? this.ai.model,
      bound: bound === undefined ? undefined : Number(bound.value),
      edits: [...target.bodyEdits, ...(wire.edits?.(target, NO_HEADERS) ?? [])],
      words: wire.words ?? target,
      strict: match.rule.ai && match.rule.strict,
      asked: { created: Math.floor(request.startTime / 1000), usage: json.wantsUsage },
    });
  }

  /** Whether the backend can be asked what the client asks. */
  protected serves({ schema }: AiTarget): boolean {
    return serves(this.ai.endpoint, schema);
  }

  /** Whether the backend is a part of the platform: a tier two, or a pod. */
  protected isOurs({ tierTwo }: AiTarget): boolean {
    return tierTwo !== undefined;
  }

  /** What the backend calls the model, where that is another name than the client's. */
  protected modelAt(target: AiTarget): string | undefined {
    return target.modelOverride;
  }

  /** The last change before the credential is put on. */
  protected prepare(outbound: Outbound, _target: AiTarget, _attempt: number): Outbound | Promise<Outbound> {
    return outbound;
  }

  /** Undefined: the answer passes as it is. */
  protected editor(_target: AiTarget): AnswerEditor | undefined {
    return undefined;
  }

  read(target: AiTarget, status: number, headers: IncomingHttpHeaders): Reading {
    const { endpoint, json, request } = this.api;
    const { credential } = target;
    // What refuses a signature says by which clock.
    if (status === 403) credential?.noteDate?.(headers.date, Date.now());
    const type = headers['content-type']?.toLowerCase() ?? '';
    if (status >= 300) return { mode: 'whole', accept: () => refuseRedirect(status) };
    if (this.#translation !== undefined) return this.#readTranslated(this.#translation, target, type, headers);
    if (endpoint.stream !== undefined && this.#isStream(type)) {
      const editor = this.editor(target);
      const reader = endpoint.stream(json !== undefined && endpoint.asksForUsage && !json.wantsUsage);
      return {
        mode: 'events',
        reader: request.trace?.reading(reader, endpoint.operation) ?? reader,
        leaks: (text) => credential?.leaks(text) ?? false,
        scanner: this.#scanner,
        ...(editor?.event === undefined ? {} : { edit: editor.event }),
        ...(editor?.beforeEnd === undefined ? {} : { beforeEnd: editor.beforeEnd }),
      };
    }
    if (endpoint.answer === 'bytes' && !type.includes('json')) return { mode: 'raw', headAtOnce: false };
    return { mode: 'whole', accept: (body, all) => this.#accept(body, type, target, all) };
  }

  #isStream(type: string): boolean {
    return type.startsWith(this.#isFramedByAws ? 'application/vnd.amazon.eventstream' : 'text/event-stream');
  }

  get #isFramedByAws(): boolean {
    return this.#way?.how === 'conversation' && this.#way.wire.framing === 'aws';
  }

  get #scanner() {
    return this.#isFramedByAws ? awsEvents : undefined;
  }

  #readTranslated(translation: Translated, target: AiTarget, type: string, headers: IncomingHttpHeaders): Reading {
    const { endpoint, request } = this.api;
    const { credential } = target;
    const id = answerId(headers, request.id);
    const editor = this.editor(target);
    if (!this.#streams(translation))
      return { mode: 'whole', accept: (body, all) => this.#acceptTranslated(translation, body, type, target, id, all) };
    if (!this.#isStream(type)) throw notStreamed();
    const remembering = request.trace?.remembering(endpoint.operation);
    const reader = translation.reader(id, remembering === undefined ? undefined : (data, isToken) => remembering.push(data, isToken));
    return {
      mode: 'events',
      reader,
      leaks: (text) => credential?.leaks(text) ?? false,
      scanner: this.#scanner,
      edit: (raw, event) => {
        // What a tier two says of the request goes no further; its events are said in other words.
        editor?.event?.(raw, event);
        return reader.take();
      },
      rest: () => reader.rest(),
      ...(editor?.beforeEnd === undefined ? {} : { beforeEnd: editor.beforeEnd }),
    };
  }

  /** Whether the client gets a stream. */
  #streams(translation: Translated): translation is Translation {
    return this.stream && translation instanceof Translation;
  }

  #acceptTranslated(
    translation: Translated,
    body: Buffer,
    type: string,
    target: AiTarget,
    id: string,
    headers: IncomingHttpHeaders,
  ): Accepted {
    const scan = scanAnswer(body, type);
    const accepted = translation.accept(scan, id, headers);
    const { trace } = this.api.request;
    if (trace !== undefined) trace.answer = accepted.body;
    const own = this.editor(target)?.whole?.(scan, accepted, headers);
    return { ...accepted, headers: { ...own?.headers, ...toldHeaders(translation) } };
  }

  /** A whole answer: JSON that the client could read. @throws UnacceptableAnswer */
  #accept(body: Buffer, type: string, target: AiTarget, headers: IncomingHttpHeaders): Accepted {
    const { usage } = this.api.endpoint;
    const scan = scanAnswer(body, type);
    const facts = {
      usage: usage === undefined || !scan.has(usage.member) ? undefined : usage.read(scan.parse(usage.member)),
      model: scan.string('model'),
    };
    const { trace } = this.api.request;
    if (trace !== undefined) trace.answer = body;
    const whole = this.editor(target)?.whole;
    return whole === undefined ? facts : { ...facts, ...whole(scan, facts, headers) };
  }

  answerHeaders(target: AiTarget, headers: Record<string, string | string[]>): void {
    const translation = this.#translation;
    if (this.#way !== undefined && this.#way.how !== 'pass') {
      const streams = translation === undefined ? this.stream : this.#streams(translation);
      headers['content-type'] = streams ? 'text/event-stream; charset=utf-8' : 'application/json';
      // A whole answer has losses of its own, and tells all of them when it is read.
      if (translation !== undefined && streams) Object.assign(headers, toldHeaders(translation));
    }
    // Cookies of a provider are for the provider's own pages.
    delete headers['set-cookie'];
    delete headers['alt-svc'];
    delete headers['strict-transport-security'];
    const { rule } = this.api.match;
    if (rule.ai) return;
    editAnswer(headers, target.ordinary?.answer);
    editAnswer(headers, rule.filters.answer);
  }

  refuse(error: GatewayError, last: Failure | undefined, target: AiTarget | undefined) {
    const { request, endpoint } = this.api;
    const answer = last?.answer;
    if (answer !== undefined && target !== undefined) {
      const ours = answer.status === 401 || answer.status === 403;
      const isClients = target.credential?.isClients(request.raw.headers) ?? false;
      // What a provider says of our credential can hold a part of it, and is not the client's business.
      if ((!ours || isClients) && !(target.credential?.leaks(answer.body) ?? false)) {
        const headers: Record<string, string | string[]> = { 'content-type': 'application/json' };
        for (const name of PASSED_OF_ERRORS) if (answer.headers[name] !== undefined) headers[name] = answer.headers[name];
        const say = this.#translation === undefined ? backendError : translatedError;
        return { status: answer.status, headers, body: say(endpoint.dialect, answer, request.id) };
      }
      if (ours) return this.#own(new GatewayError('TK_UPSTREAM_CREDENTIAL', 'the backend did not accept the credential of the gateway'));
    }
    return this.#own(error);
  }

  #own(error: GatewayError) {
    const { request, endpoint } = this.api;
    request.failedWith(error);
    return {
      status: error.status,
      headers: { 'content-type': 'application/json', 'x-request-id': request.id, ...error.headers },
      body: errorBody(endpoint.dialect, error, request.id),
    };
  }

  errorEvent(error: GatewayError): Buffer {
    const { request, endpoint } = this.api;
    request.failedWith(error);
    return errorEvent(endpoint.dialect, error, request.id, endpoint.typedEvents);
  }

  settle(outcome: Outcome<AiTarget>): void {
    const { request, upload, settled } = this.api;
    request.outcome = outcome;
    const translation = this.#translation;
    if (translation !== undefined) request.told = { api: translation.to, ...translation.told };
    upload?.release();
    settled(request);
  }
}

/** Another backend of the rule may be able to say it, or need not. */
function passedOver(error: unknown): unknown {
  if (error instanceof GatewayError && error.code === 'TK_UNSUPPORTED')
    return new AttemptFailed({ reason: 'local', message: error.message, cause: error });
  return error;
}

/** Those of a client of another API mean nothing to the backend. */
const NO_HEADERS: IncomingHttpHeaders = {};

/** @throws UnacceptableAnswer for what is no JSON object, or an error */
function scanAnswer(body: Buffer, type: string): JsonObjectScan {
  let scan;
  try {
    scan = scanObject(body);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const what = type === '' ? 'an answer without a content type' : `an answer of type ${type.split(';')[0]!.slice(0, 60)}`;
    throw new UnacceptableAnswer('malformed', `the backend sent ${what} that is no JSON object`);
  }
  // Some servers answer 200 and put the error into the body.
  const error = scan.type('error');
  if (error !== undefined && error !== 'null' && !scan.has('id'))
    throw new UnacceptableAnswer('malformed', 'the backend sent an error with status 200');
  return scan;
}

/** What of a request, or of its answer, a translation could not say. */
function toldHeaders({ told }: Translated): Record<string, string> {
  const { dropped, approximated } = told;
  return {
    ...(dropped.length === 0 ? {} : { 'x-tierkit-dropped': dropped.join(', ') }),
    ...(approximated.length === 0 ? {} : { 'x-tierkit-approximated': approximated.join(', ') }),
  };
}

/** Headers of a backend's error that say something to its client. */
const PASSED_OF_ERRORS = [
  'retry-after',
  'retry-after-ms',
  'x-request-id',
  'request-id',
  'x-should-retry',
  'x-amzn-requestid',
  'x-llm-d-request-dropped-reason',
];

/** A provider's API does not redirect; a client that followed would take its prompt to another origin. */
function refuseRedirect(status: number): never {
  throw new UnacceptableAnswer('malformed', `the backend answered ${status}, a redirect, which is not followed`);
}
