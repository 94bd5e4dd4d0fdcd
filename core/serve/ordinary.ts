import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';

import type { Endpoint } from '../attempt/backend.ts';
import type { Call, Outbound, Outcome, Reading } from '../attempt/call.ts';
import { Exchange } from '../attempt/exchange.ts';
import type { Failure } from '../attempt/failure.ts';
import type { Plan } from '../attempt/plan.ts';
import { GatewayError } from '../errors.ts';
import { forwardable } from '../http/headers.ts';
import { wantsWebSocket } from '../http/upgrade.ts';
import { readTarget } from '../http/path.ts';
import { errorBody, errorEvent } from '../llm/dialect.ts';

import { withoutCookies, withoutParams } from '../identify/places.ts';
import { discard, passOn } from '../read/passing.ts';
import { withoutCors } from './cross-origin.ts';
import { sendCopy, type ToldOfMirror } from './mirror.ts';
import { PassedBody } from './passed-body.ts';
import type { GatewayRequest } from './request.ts';
import { editAnswer, modifiedPath, redirectLocation, type RequestEdits } from '../route/filters.ts';
import type { Mirror } from '../route/mirror.ts';
import type { Match, OrdinaryRule, OrdinaryTarget } from '../route/rule.ts';

export interface OrdinaryCallOptions {
  readonly request: GatewayRequest;
  readonly match: Match;
  readonly rule: OrdinaryRule;
  /** The whole body where it was read already; else it passes as it comes. */
  readonly body: Buffer | undefined;
  readonly port: number;
  readonly settled: (request: GatewayRequest) => void;
  readonly mirrored: ToldOfMirror;
}

/** A body up to here is kept while it passes, so that another attempt can be made with it. */
const KEPT_BYTES = 64 * 1024;
/** Time for a backend to agree to WebSocket where the route says none: nothing else would end a wait for it. */
const UPGRADE_MS = 60_000;

/** Ordinary traffic of an HTTPRoute: bytes in both directions, headers edited as the route says. */
export class OrdinaryCall implements Call<OrdinaryTarget> {
  readonly plan: Plan<OrdinaryTarget>;
  readonly stream = false;
  protected readonly options: OrdinaryCallOptions;
  readonly #upgrade: boolean;
  #bodySent = false;
  #passed: PassedBody | undefined;
  #copiesTo: readonly Mirror[] = [];

  constructor(options: OrdinaryCallOptions) {
    this.options = options;
    const { plan } = options.rule;
    this.#upgrade = options.request.reply.canUpgrade;
    this.plan = this.#upgrade && plan.requestTimeoutMs === 0 ? { ...plan, requestTimeoutMs: UPGRADE_MS } : plan;
  }

  /** Answers a redirect by itself, else asks the backends. @throws GatewayError TK_BAD_REQUEST */
  run(): void {
    const { request, rule, match, port } = this.options;
    const { redirect, mirrors } = rule.filters;
    if (redirect === undefined) {
      if (!this.#upgrade && wantsWebSocket(request.headers))
        throw new GatewayError('TK_BAD_REQUEST', 'a WebSocket opens with GET and without a body, over HTTP/1.1');
      // What is said on a WebSocket is between two: no third could take part in it.
      if (mirrors.length > 0 && !this.#upgrade) this.#copiesTo = mirrors.filter((mirror) => mirror.takes());
      new Exchange(this, request.reply).start();
      if (this.#copiesTo.length > 0) this.#sendCopies();
      return;
    }
    const location = redirectLocation(
      redirect,
      { scheme: schemeOf(request), host: request.host, port, path: request.path, query: request.query },
      match.path.value,
    );
    const headers: Record<string, string | string[]> = { location };
    editAnswer(headers, rule.filters.answer);
    request.reply.send(redirect.statusCode, headers, Buffer.alloc(0));
    const status = redirect.statusCode;
    this.settle({
      status,
      complete: true,
      clientGone: false,
      failure: undefined,
      attempts: [],
      facts: { usage: undefined, model: undefined },
      firstTokenAt: undefined,
      tokens: 0,
    });
  }

  /** A body that passes as it comes is gone with the first attempt, unless it is small. */
  replayable = (): boolean =>
    this.options.body !== undefined || !this.#bodySent || this.#passed?.isKept === true || !hasBody(this.options.request.headers);

  encode(target: OrdinaryTarget, { origin, hostHeader }: Endpoint): Outbound {
    const { request, body } = this.options;
    if (this.#upgrade && origin.protocol === 'h2c' && origin.tls === undefined)
      throw new GatewayError('TK_UNSUPPORTED', 'the backend speaks HTTP/2 without TLS: WebSocket is passed to HTTP/1.1 only', {
        status: 501,
      });
    const head = this.#head(target, hostHeader);
    const passes = body === undefined && hasBody(request.headers) ? this.#stream() : null;
    this.#bodySent = true;
    return { ...head, body: body ?? passes, upgrade: this.#upgrade ? 'websocket' : undefined };
  }

  #stream(): Readable {
    const { request, rule } = this.options;
    const timeoutMs = request.listener?.client.requestReceivedMs ?? 0;
    const isRetried = rule.plan.retry.maxAttempts !== 1;
    if (!isRetried && this.#copiesTo.length === 0) return passOn(request.raw, timeoutMs);
    this.#passed ??= new PassedBody(request.raw, isRetried ? KEPT_BYTES : 0, timeoutMs);
    return this.#passed.attempt();
  }

  /** As the rule's filters leave the request, whichever backend is asked; where none was, nothing is copied. */
  #sendCopies(): void {
    if (!this.#bodySent) return;
    const { body, mirrored } = this.options;
    for (const mirror of this.#copiesTo) {
      const head = this.#head(undefined, mirror.backend.endpoints[0]!.hostHeader);
      sendCopy(mirror, head, body ?? this.#passed?.copy() ?? null, mirrored);
    }
  }

  #head(target: OrdinaryTarget | undefined, hostHeader: string): Pick<Outbound, 'method' | 'path' | 'headers'> {
    const { request, rule, match } = this.options;
    const { security, filters } = rule;
    const client = request.headers;
    const owned = security === undefined ? NONE : security.owned.difference(security.passable.headers);
    let headers = forwardable(client, 'ordinary', owned);
    if (security !== undefined) headers = withoutOwnCookies(headers, security.ownedCookies.difference(security.passable.cookies));
    // The authority of an absolute-form target is the one that the route was chosen by (RFC 9112, section 3.2.2).
    const authority = request.target.startsWith('/') ? client.host : (readTarget(request.target)?.authority ?? client.host);
    headers.push('host', filters.rewriteHost ?? authority ?? hostHeader);
    // Each hop adds whom it heard from: with trusted proxies that is not the client.
    const peer = request.raw.socket?.remoteAddress?.replace(/^::ffff:/, '') ?? request.address;
    headers.push('x-forwarded-for', [client['x-forwarded-for'] ?? [], peer].flat().join(', '), 'x-forwarded-proto', schemeOf(request));
    if (authority !== undefined) headers.push('x-forwarded-host', authority);
    headers.push(...request.identity.headers);
    return { method: request.method, path: ordinaryPath(request, rule, match), headers: ordinaryHeaders(headers, rule, target) };
  }

  read(): Reading {
    return { mode: 'raw', headAtOnce: true };
  }

  answerHeaders(target: OrdinaryTarget, headers: Record<string, string | string[]>): void {
    const { cors, answer } = this.options.rule.filters;
    if (cors !== undefined) withoutCors(headers);
    editAnswer(headers, target.answer);
    editAnswer(headers, answer);
  }

  refuse(error: GatewayError, last: Failure | undefined) {
    const { request } = this.options;
    if (last?.answer !== undefined) {
      const { status, headers, body } = last.answer;
      const type = headers['content-type'];
      return { status, headers: type === undefined ? {} : { 'content-type': type }, body };
    }
    request.errorCode = error.code;
    return {
      status: error.status,
      headers: { 'content-type': 'application/json', 'x-request-id': request.id, ...error.headers },
      body: errorBody('plain', error, request.id),
    };
  }

  errorEvent(error: GatewayError): Buffer {
    return errorEvent('plain', error, this.options.request.id, false);
  }

  settle(outcome: Outcome<OrdinaryTarget>): void {
    const { request, settled } = this.options;
    request.outcome = outcome;
    if (this.#upgrade) request.bodyBytes = request.reply.received;
    settled(request);
    this.#passed?.release();
    if (this.#bodySent && !this.#upgrade) discard(request.raw);
  }
}

const NONE: ReadonlySet<string> = new Set();

/** Path and query for the backend, as the route rewrites them; parameters that its policy reads stay here. */
export function ordinaryPath(request: GatewayRequest, { security, filters }: OrdinaryRule, match: Match): string {
  const params = security === undefined ? NONE : security.ownedParams.difference(security.passable.params);
  return modifiedPath(request.path, filters.rewritePath, match.path.value) + withoutParams(request.query, params);
}

/** Headers as the route and then its reference to the backend change them. */
export function ordinaryHeaders(
  headers: string[],
  { filters }: OrdinaryRule,
  target: Pick<OrdinaryTarget, 'request'> | undefined,
): string[] {
  return edited(edited(headers, filters.request), target?.request);
}

function schemeOf({ listener }: GatewayRequest): 'http' | 'https' {
  return listener?.protocol === 'HTTPS' ? 'https' : 'http';
}

/** Whether a request says that it has a body. */
export function hasBody(headers: IncomingHttpHeaders): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function withoutOwnCookies(headers: string[], names: ReadonlySet<string>): string[] {
  if (names.size === 0) return headers;
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'cookie');
  if (at === -1) return headers;
  const kept = withoutCookies(headers[at + 1]!, names);
  headers.splice(at, 2, ...(kept === undefined ? [] : ['cookie', kept]));
  return headers;
}

function edited(headers: string[], edits: RequestEdits | undefined): string[] {
  if (edits === undefined) return headers;
  const result: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (!edits.replaced.has(headers[at]!)) result.push(headers[at]!, headers[at + 1]!);
  result.push(...edits.lines);
  return result;
}
