import type { IncomingHttpHeaders } from 'node:http';

import type { Endpoint } from '#core/attempt/backend';
import type { Call, Facts, Outbound, Outcome, Reading } from '#core/attempt/call';
import { Exchange } from '#core/attempt/exchange';
import { type Failure, UnacceptableAnswer } from '#core/attempt/failure';
import { GatewayError } from '#core/errors';
import { isCredential, isInternal } from '#core/http/headers';
import { JsonSyntaxError, scanObject } from '#core/json/scan';
import { backendError, errorBody, errorEvent } from '#core/llm/dialect';

import type { Reservation } from './admit/admission.ts';
import type { ExtensionRequest } from './extensions/extension.ts';
import type { Hooks } from './extensions/hooks.ts';
import { filterParams } from '#core/identify/places';
import { type AiRequest, type AiTarget, authorize, encode } from '#core/providers/target';
import type { ApiEndpoint } from '#core/read/endpoints';
import type { JsonRequest } from '#core/read/json-request';
import type { Upload } from '#core/read/upload';
import type { GatewayRequest } from '#core/serve/request';
import type { AiRule } from '#core/route/rule';

/** What the attempts of an AI request are made from. */
export interface AiCallOptions {
  readonly request: GatewayRequest;
  readonly endpoint: ApiEndpoint;
  readonly rule: AiRule;
  readonly json: JsonRequest | undefined;
  readonly upload: Upload | undefined;
  readonly hooks: Hooks;
  /** The settle stage. */
  readonly settled: (request: GatewayRequest, outcome: Outcome<AiTarget>) => void;
}

/** Names of parameters that carry credentials at one provider or another. */
const CREDENTIAL_PARAMS = new Set(['key', 'api_key', 'apikey', 'api-key', 'access_token', 'token', 'code', 'api-version']);

/** The attempts of one AI request: how each is built and read, and how it ends. */
export class AiCall implements Call<AiTarget>, ExtensionRequest {
  readonly plan;
  readonly stream: boolean;
  readonly #options: AiCallOptions;
  readonly #ai: AiRequest;
  #reservation: Reservation | undefined;
  #parsed: { readonly value: unknown } | undefined;

  constructor(options: AiCallOptions) {
    const { request, rule, endpoint, json, upload } = options;
    this.#options = options;
    this.plan = rule.plan;
    this.stream = json?.stream ?? false;
    this.#ai = {
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

  /** @param reservation what the admit stage set aside; settled with the outcome */
  run(reservation: Reservation | undefined): void {
    this.#reservation = reservation;
    new Exchange(this, this.#options.request.reply).start();
  }

  // What extensions see.

  get id(): string {
    return this.#options.request.id;
  }

  get operation(): string {
    return this.#ai.endpoint.operation;
  }

  get dialect() {
    return this.#ai.endpoint.dialect;
  }

  get model(): string {
    return this.#ai.model;
  }

  get clientId(): string | undefined {
    return this.#options.request.identity.clientId;
  }

  get headers(): IncomingHttpHeaders {
    const { plan, security } = this.#options.rule;
    return Object.fromEntries(
      Object.entries(this.#ai.headers).filter(
        ([name]) =>
          !isInternal(name) &&
          !isCredential(name) &&
          security?.owned.has(name) !== true &&
          !plan.targets.some((target) => target.override === name),
      ),
    );
  }

  json(): unknown {
    const { json } = this.#options;
    if (json === undefined) return undefined;
    // Member by member, through the scan's own reading of escaped names: an extension sees the names that the backend sees.
    const { scan } = json;
    this.#parsed ??= { value: Object.fromEntries(scan.members.map(({ name }) => [name, scan.parse(name)])) };
    return this.#parsed.value;
  }

  // What the exchange asks for.

  replayable = (): boolean => this.#options.upload?.replayable ?? true;

  encode(target: AiTarget, endpoint: Endpoint, attempt: number): Outbound | Promise<Outbound> {
    const outbound = encode(this.#ai, target, endpoint);
    const { hooks } = this.#options;
    if (!hooks.hasAttempt) return authorize(outbound, target, this.#ai.headers);
    return hooks
      .attempt(this, { backend: target.backend.name, attempt }, outbound)
      .then((changed) => authorize(changed, target, this.#ai.headers));
  }

  read({ credential }: AiTarget, status: number, headers: IncomingHttpHeaders): Reading {
    const { endpoint, json } = this.#options;
    const type = headers['content-type']?.toLowerCase() ?? '';
    if (status >= 300) return { mode: 'whole', accept: () => refuseRedirect(status) };
    if (endpoint.stream !== undefined && type.startsWith('text/event-stream')) {
      return {
        mode: 'events',
        reader: endpoint.stream(json !== undefined && endpoint.asksForUsage && !json.wantsUsage),
        leaks: (text) => credential?.leaks(text) ?? false,
      };
    }
    if (endpoint.answer === 'bytes' && !type.includes('json')) return { mode: 'raw', headAtOnce: false };
    return { mode: 'whole', accept: (body) => this.#accept(body, type) };
  }

  /** A whole answer: JSON that the client could read. @throws UnacceptableAnswer */
  #accept(body: Buffer, type: string): Facts {
    const { usage } = this.#options.endpoint;
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
    return {
      usage: usage === undefined || !scan.has(usage.member) ? undefined : usage.read(scan.parse(usage.member)),
      model: scan.string('model'),
    };
  }

  answerHeaders(_target: AiTarget, headers: Record<string, string | string[]>): void {
    // Cookies of a provider are for the provider's own pages.
    delete headers['set-cookie'];
    delete headers['alt-svc'];
    delete headers['strict-transport-security'];
  }

  refuse(error: GatewayError, last: Failure | undefined, target: AiTarget | undefined) {
    const { request, endpoint } = this.#options;
    const answer = last?.answer;
    if (answer !== undefined && target !== undefined) {
      const ours = answer.status === 401 || answer.status === 403;
      const isClients = target.credential?.isClients(request.raw.headers) ?? false;
      // What a provider says of our credential can hold a part of it, and is not the client's business.
      if ((!ours || isClients) && !(target.credential?.leaks(answer.body) ?? false)) {
        const headers: Record<string, string | string[]> = { 'content-type': 'application/json' };
        for (const name of ['retry-after', 'retry-after-ms', 'x-request-id', 'request-id', 'x-should-retry'])
          if (answer.headers[name] !== undefined) headers[name] = answer.headers[name];
        return { status: answer.status, headers, body: backendError(endpoint.dialect, answer.status, answer.body, request.id) };
      }
      if (ours) return this.#own(new GatewayError('TK_UPSTREAM_CREDENTIAL', 'the backend did not accept the credential of the gateway'));
    }
    return this.#own(error);
  }

  #own(error: GatewayError) {
    const { request, endpoint } = this.#options;
    request.errorCode = error.code;
    return {
      status: error.status,
      headers: { 'content-type': 'application/json', 'x-request-id': request.id, ...error.headers },
      body: errorBody(endpoint.dialect, error, request.id),
    };
  }

  errorEvent(error: GatewayError): Buffer {
    const { request, endpoint } = this.#options;
    request.errorCode = error.code;
    return errorEvent(endpoint.dialect, error, request.id, endpoint.typedEvents);
  }

  settle(outcome: Outcome<AiTarget>): void {
    const { request, upload, hooks, settled } = this.#options;
    request.outcome = outcome;
    upload?.release();
    this.#reservation?.settle(outcome);
    settled(request, outcome);
    if (hooks.hasSettled) hooks.settled(this, outcome, performance.now() - request.startedAt);
  }
}

/** A provider's API does not redirect; a client that followed would take its prompt to another origin. */
function refuseRedirect(status: number): never {
  throw new UnacceptableAnswer('malformed', `the backend answered ${status}, a redirect, which is not followed`);
}
