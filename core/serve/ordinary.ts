import type { IncomingHttpHeaders } from 'node:http';

import type { Endpoint } from '../attempt/backend.ts';
import type { Call, Outbound, Outcome, Reading } from '../attempt/call.ts';
import { Exchange } from '../attempt/exchange.ts';
import type { Failure } from '../attempt/failure.ts';
import type { GatewayError } from '../errors.ts';
import { forwardable } from '../http/headers.ts';
import { readTarget } from '../http/path.ts';
import { errorBody, errorEvent } from '../llm/dialect.ts';

import { withoutCookies, withoutParams } from '../identify/places.ts';
import { discard, passOn } from '../read/passing.ts';
import type { GatewayRequest } from './request.ts';
import { editAnswer, modifiedPath, redirectLocation, type RequestEdits } from '../route/filters.ts';
import type { Match, OrdinaryRule, OrdinaryTarget } from '../route/rule.ts';

export interface OrdinaryCallOptions {
  readonly request: GatewayRequest;
  readonly match: Match;
  readonly rule: OrdinaryRule;
  /** The whole body where it was read already; else it passes as it comes. */
  readonly body: Buffer | undefined;
  readonly port: number;
  readonly settled: (request: GatewayRequest) => void;
}

/** Ordinary traffic of an HTTPRoute: bytes in both directions, headers edited as the route says. */
export class OrdinaryCall implements Call<OrdinaryTarget> {
  readonly plan;
  readonly stream = false;
  protected readonly options: OrdinaryCallOptions;
  #bodySent = false;

  constructor(options: OrdinaryCallOptions) {
    this.options = options;
    this.plan = options.rule.plan;
  }

  /** Answers a redirect by itself, else asks the backends. */
  run(): void {
    const { request, rule, match, port } = this.options;
    const { redirect } = rule.filters;
    if (redirect === undefined) {
      new Exchange(this, request.reply).start();
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

  /** A body that passes as it comes is gone with the first attempt. */
  replayable = (): boolean => this.options.body !== undefined || !this.#bodySent || !hasBody(this.options.request.headers);

  encode(target: OrdinaryTarget, endpoint: Endpoint): Outbound {
    const { request, rule, match, body } = this.options;
    const { security, filters } = rule;
    const client = request.headers;
    const owned = security === undefined ? NONE : security.owned.difference(security.passable.headers);
    let headers = forwardable(client, 'ordinary', owned);
    if (security !== undefined) headers = withoutOwnCookies(headers, security.ownedCookies.difference(security.passable.cookies));
    // The authority of an absolute-form target is the one that the route was chosen by (RFC 9112, section 3.2.2).
    const authority = request.target.startsWith('/') ? client.host : (readTarget(request.target)?.authority ?? client.host);
    headers.push('host', filters.rewriteHost ?? authority ?? endpoint.hostHeader);
    // Each hop adds whom it heard from: with trusted proxies that is not the client.
    const peer = request.raw.socket?.remoteAddress?.replace(/^::ffff:/, '') ?? request.address;
    headers.push('x-forwarded-for', [client['x-forwarded-for'] ?? [], peer].flat().join(', '), 'x-forwarded-proto', schemeOf(request));
    if (authority !== undefined) headers.push('x-forwarded-host', authority);
    headers.push(...request.identity.headers);
    headers = ordinaryHeaders(headers, rule, target);
    this.#bodySent = true;
    return {
      method: request.method,
      path: ordinaryPath(request, rule, match),
      headers,
      body: body ?? (hasBody(client) ? passOn(request.raw, request.listener?.client.requestReceivedMs ?? 0) : null),
    };
  }

  read(): Reading {
    return { mode: 'raw', headAtOnce: true };
  }

  answerHeaders(target: OrdinaryTarget, headers: Record<string, string | string[]>): void {
    editAnswer(headers, target.answer);
    editAnswer(headers, this.options.rule.filters.answer);
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
    settled(request);
    if (this.#bodySent) discard(request.raw);
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
