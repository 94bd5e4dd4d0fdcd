import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TLSSocket } from 'node:tls';

import type { Outcome } from '../attempt/call.ts';
import { ERRORS, GatewayError, toGatewayError } from '../errors.ts';
import { isHttp2 } from '../http/h2/exchange.ts';
import { readTarget } from '../http/path.ts';
import { errorBody } from '../llm/dialect.ts';
import { didYouMean } from '../resources/nearest.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Gauge } from '../telemetry/metrics/instruments.ts';
import { finish } from '../telemetry/trace/finish.ts';
import type { Tracing } from '../telemetry/trace/tracing.ts';

import type { Identity, Security } from '../identify/identity.ts';
import { crossOrigin, preflightOf } from './cross-origin.ts';
import { anthropicModels, openaiModels, visibleModels } from './models.ts';
import type { OrdinaryCallOptions } from './ordinary.ts';
import { callersOf, type OwnAnswer } from './own.ts';
import { serves } from '../providers/way.ts';
import { readBody } from '../read/body.ts';
import type { ApiEndpoint, EndpointTable } from '../read/endpoints.ts';
import { type JsonRequest, readJson } from '../read/json-request.ts';
import { checkCoding, checkJsonType } from '../read/media-type.ts';
import { discard } from '../read/passing.ts';
import { Upload } from '../read/upload.ts';
import { GatewayRequest, hostOf } from './request.ts';
import type { McpRule } from '../route/mcp-rule.ts';
import type { ListenerTable, PortTable } from '../route/ports.ts';
import { modifiedPath } from '../route/filters.ts';
import { brokenPolicy } from '../route/policies.ts';
import type { Match, OrdinaryRule, Rule } from '../route/rule.ts';
import type { MatchIndex } from '../route/table.ts';
import { type LogRequest, settle } from './settle.ts';
import type { Snapshot } from './snapshot.ts';
import type { RecentRequests } from './status/recent.ts';

/** A request to an endpoint of a model API that has its rule: what a tier makes a call of. */
export interface ApiRequest {
  readonly request: GatewayRequest;
  readonly endpoint: ApiEndpoint;
  /** Of an AIGatewayRoute; or of an HTTPRoute that leads to a pool. */
  readonly match: Match;
  readonly json: JsonRequest | undefined;
  readonly upload: Upload | undefined;
  /** The settle stage, to be called once. */
  readonly settled: (request: GatewayRequest) => void;
}

/** A request to the path of an MCPRoute, of somebody who may call it. */
export interface McpRequest {
  readonly request: GatewayRequest;
  readonly rule: OrdinaryRule;
  readonly mcp: McpRule;
  /** The settle stage, to be called once. */
  readonly settled: (request: GatewayRequest) => void;
}

/** The stages in which the tiers differ. */
export interface Stages {
  /** Who sent the request, before anything of it is believed. @throws GatewayError */
  verify?(request: GatewayRequest): void;
  /** What answers an endpoint of the tier's own; undefined: it is one of a model API. */
  own?(endpoint: ApiEndpoint): OwnAnswer | undefined;
  /** Admits, and asks the backends. @throws GatewayError */
  callApi(request: ApiRequest): void | Promise<void>;
  /** Traffic that no model API knows. @throws GatewayError */
  callOrdinary(request: OrdinaryCallOptions): void | Promise<void>;
  /** Undefined: the tier serves no MCPRoute. @throws GatewayError */
  callMcp?(request: McpRequest): void | Promise<void>;
}

export interface PipelineOptions {
  readonly stages: Stages;
  /** The configuration in service at this moment. */
  readonly snapshot: () => Snapshot;
  readonly endpoints: EndpointTable;
  readonly metrics: Metrics;
  readonly log: LogRequest | undefined;
  readonly recent: RecentRequests;
  /** Undefined: nothing is traced. */
  readonly tracing: Tracing | undefined;
  /** Takes what nobody foresaw. */
  readonly onError: (error: unknown, requestId: string) => void;
  /** Answers carry the generation and hash of the configuration where the request asks for it with `x-tierkit-debug: config`. */
  readonly debugHeaders: boolean;
}

/** The way of a request through a tier: verify → identify → read → route, and then the tier's own stages. */
export class Pipeline {
  readonly #options: PipelineOptions;
  readonly #inFlight: Gauge;

  constructor(options: PipelineOptions) {
    this.#options = options;
    this.#inFlight = options.metrics.families.inFlight.with();
  }

  /** Answers one request that came in at a port. @param port its key. Never throws. */
  async handle(raw: IncomingMessage, response: ServerResponse, target: string, port: string): Promise<void> {
    const request = new GatewayRequest(raw, response, target, this.#options.snapshot());
    request.trace = this.#options.tracing?.start(raw.headers);
    const inFlight = this.#inFlight;
    inFlight.inc();
    response.once('close', () => inFlight.dec());
    try {
      await this.#pipeline(request, port);
    } catch (error) {
      this.#refuse(request, error);
    }
  }

  async #pipeline(request: GatewayRequest, key: string): Promise<void> {
    const table = locate(request, key);
    const { endpoints } = this.#options;
    request.dialect = endpoints.dialect(request.path);
    const listener = table?.listener(request.host);
    if (table === undefined || listener === undefined)
      throw new GatewayError('TK_UNKNOWN_PATH', `no listener has the host "${request.host.slice(0, 100)}"`);
    if (listener.protocol === 'HTTPS') checkDirected(request, table, listener);
    request.listener = listener;
    request.address = listener.client.address(request.raw);
    const { port } = table;
    this.#debug(request);
    this.#options.stages.verify?.(request);
    const index = listener.hosts.index(request.host);
    const endpoint = index?.hasApi === true ? endpoints.find(request.path) : undefined;
    if (endpoint === undefined) await this.#ordinary(request, index, undefined, port);
    else await this.#api(request, listener, index!, endpoint, port);
  }

  /** A request to an endpoint of a model API. */
  async #api(request: GatewayRequest, listener: ListenerTable, index: MatchIndex, endpoint: ApiEndpoint, port: number): Promise<void> {
    request.dialect = endpoint.dialect;
    request.endpoint = endpoint;
    // Where all that this host serves has one policy, nobody has to be read to before it is known who speaks.
    const early = index.security === 'varies' ? undefined : index.security;
    if (this.#preflight(request, index, true)) return;
    if (request.method !== endpoint.method) {
      throw new GatewayError('TK_METHOD', `${endpoint.path} takes ${endpoint.method}, not ${request.method}`, {
        headers: { allow: endpoint.method },
      });
    }
    if (endpoint.operation === 'models' && !index.hasAi) {
      // An HTTPRoute leads to a pool: its model servers say themselves what they have.
      await this.#ordinary(request, index, undefined, port);
      return;
    }
    if (early !== undefined) identified(request, await this.#identify(request, early));
    const own = this.#options.stages.own?.(endpoint);
    if (own !== undefined) {
      await this.#own(request, index, own);
      return;
    }
    if (endpoint.operation === 'models') {
      await this.#models(request, index, endpoint);
      return;
    }

    const readFrom = performance.now();
    const { json, upload } = await read(request, endpoint, listener);
    request.waitedMs += performance.now() - readFrom;
    const match = index.find(request);
    if (match === undefined) throw unknownModel(request, index);
    const { rule } = match;
    request.rule = rule;
    crossOrigin(request, rule);
    checkWhole(rule);
    if (early === undefined && rule.security !== undefined) identified(request, await rule.security.identify(request));
    if (!rule.ai && !rule.pooled) {
      if (upload !== undefined)
        throw new GatewayError('TK_UNSUPPORTED', 'the HTTPRoute that matches this path cannot take an upload that is also an API call');
      await this.#callOrdinary(request, match, rule, json?.scan.bytes, port);
      return;
    }
    if (rule.ai) checkServed(rule, endpoint, request.model!);
    await this.#callApi(request, endpoint, match, json, upload);
  }

  #callApi(
    request: GatewayRequest,
    endpoint: ApiEndpoint,
    match: Match,
    json: JsonRequest | undefined,
    upload: Upload | undefined,
  ): void | Promise<void> {
    request.routedAt = performance.now();
    const { trace, identity, model, snapshot } = request;
    const { traceRules } = snapshot;
    if (trace !== undefined && traceRules.rules.length > 0)
      trace.cover({ identity, model, route: match.rule.route, gateway: request.listener!.gateway }, traceRules);
    return this.#options.stages.callApi({ request, endpoint, match, json, upload, settled: this.#settled });
  }

  /** A request of an HTTPRoute. */
  async #ordinary(request: GatewayRequest, index: MatchIndex | undefined, body: Buffer | undefined, port: number): Promise<void> {
    if (index !== undefined && this.#preflight(request, index, false)) return;
    const match = index?.find(request);
    if (match === undefined || match.rule.ai) throw this.#unknownPath(request, index);
    const { rule } = match;
    request.rule = rule;
    request.dialect = 'plain';
    crossOrigin(request, rule);
    checkWhole(rule);
    if (rule.security !== undefined) identified(request, await rule.security.identify(request));
    if (rule.mcp !== undefined) {
      await this.#callMcp(request, rule, rule.mcp);
      return;
    }
    if (rule.pooled && (await this.#callPool(request, match, rule))) return;
    await this.#callOrdinary(request, match, rule, body, port);
  }

  /** An HTTPRoute that leads to a pool, with a path that is an endpoint once the route has rewritten it. @returns false if it is none */
  async #callPool(request: GatewayRequest, match: Match, rule: OrdinaryRule): Promise<boolean> {
    const endpoint = this.#options.endpoints.find(modifiedPath(request.path, rule.filters.rewritePath, match.path.value));
    if (endpoint === undefined || endpoint.body === 'none' || endpoint.method !== request.method) return false;
    request.dialect = endpoint.dialect;
    request.endpoint = endpoint;
    const { json, upload } = await read(request, endpoint, request.listener!);
    await this.#callApi(request, endpoint, match, json, upload);
    return true;
  }

  #callOrdinary(request: GatewayRequest, match: Match, rule: OrdinaryRule, body: Buffer | undefined, port: number): void | Promise<void> {
    request.routedAt = performance.now();
    return this.#options.stages.callOrdinary({ request, match, rule, body, port, settled: this.#settled, mirrored: this.#mirrored });
  }

  async #callMcp(request: GatewayRequest, rule: OrdinaryRule, mcp: McpRule): Promise<void> {
    const { stages } = this.#options;
    if (stages.callMcp === undefined) throw new GatewayError('TK_UNSUPPORTED', 'an MCPRoute is served by tier one alone');
    request.routedAt = performance.now();
    await stages.callMcp({ request, rule, mcp, settled: this.#settled });
  }

  async #models(request: GatewayRequest, index: MatchIndex, endpoint: ApiEndpoint): Promise<void> {
    const models = await visibleModels(index, request, knownCallers(request, index));
    const body = Buffer.from(JSON.stringify(endpoint.dialect === 'anthropic' ? anthropicModels(models) : openaiModels(models)));
    request.reply.send(200, { 'content-type': 'application/json' }, body);
    this.#settled(request);
  }

  /** An endpoint that the tier answers by itself. It is no call of a model: nothing of it is traced. */
  async #own(request: GatewayRequest, index: MatchIndex, answer: OwnAnswer): Promise<void> {
    request.trace = undefined;
    const callers = await callersOf(index, request, knownCallers(request, index));
    const body = Buffer.from(JSON.stringify(await answer({ request, index, callers })));
    this.#cors(request, request.rule?.security);
    request.reply.send(200, { 'content-type': 'application/json' }, body);
    this.#settled(request);
  }

  #identify(request: GatewayRequest, security: Security): Identity | Promise<Identity> {
    this.#cors(request, security);
    return security.identify(request);
  }

  /** Answers a browser's question before its request. @returns false where nobody here does */
  #preflight(request: GatewayRequest, index: MatchIndex, api: boolean): boolean {
    const headers = preflightOf(request, index, api);
    if (headers === undefined) return false;
    request.reply.send(204, { ...headers }, Buffer.alloc(0));
    this.#settled(request);
    return true;
  }

  #cors(request: GatewayRequest, security: Security | undefined): void {
    if (security?.cors !== undefined) Object.assign(request.reply.extra, security.cors.headers(request));
  }

  #debug(request: GatewayRequest): void {
    if (!this.#options.debugHeaders || request.headers['x-tierkit-debug'] === undefined) return;
    const { generation, hash } = request.snapshot;
    request.reply.extra['x-tierkit-config'] = `${generation} ${hash}`;
  }

  #unknownPath(request: GatewayRequest, index: MatchIndex | undefined): GatewayError {
    if (index === undefined) return new GatewayError('TK_UNKNOWN_PATH', `nothing is served for the host "${request.host.slice(0, 100)}"`);
    const paths = index.hasApi ? this.#options.endpoints.paths() : [];
    return new GatewayError(
      'TK_UNKNOWN_PATH',
      `${request.method} ${request.path.slice(0, 200)} is no endpoint${didYouMean(request.path, paths)}`,
    );
  }

  readonly #settled = (request: GatewayRequest): void => {
    const { metrics, log, recent, tracing } = this.#options;
    if (tracing !== undefined) finish(request, tracing);
    settle(request, metrics, log);
    recent.add(request);
  };

  readonly #mirrored: OrdinaryCallOptions['mirrored'] = ({ backend }, result) => {
    this.#options.metrics.families.mirrored.with(backend.name, result).inc();
  };

  #refuse(request: GatewayRequest, thrown: unknown): void {
    const error = toGatewayError(thrown);
    if (error.status >= 500 && error.cause !== undefined) this.#options.onError(error.cause, request.id);
    request.failedWith(error);
    const { reply, raw } = request;
    if (reply.response.destroyed) {
      request.errorCode = undefined;
      request.outcome = GONE;
    } else if (reply.started) {
      reply.cut();
    } else {
      // What is left of the body is not read: the connection cannot be used again.
      const unread = !raw.readableEnded && (raw.headers['content-length'] !== undefined || raw.headers['transfer-encoding'] !== undefined);
      const headers = {
        // Of a body that HEAD does not get (RFC 9110, section 9.3.2): some clients read what they are told of.
        ...(request.method === 'HEAD' ? {} : { 'content-type': 'application/json' }),
        'x-request-id': request.id,
        ...(unread ? { connection: 'close' } : {}),
        ...error.headers,
      };
      reply.send(error.status ?? ERRORS[error.code].status, headers, errorBody(request.dialect, error, request.id));
      if (unread) discard(raw);
    }
    this.#settled(request);
  }
}

/** Where all routes of the host have one policy, it has said who calls. */
function knownCallers({ identity }: GatewayRequest, { security }: MatchIndex): Map<Security, Identity> {
  return new Map(security === 'varies' || security === undefined ? [] : [[security, identity]]);
}

function identified(request: GatewayRequest, identity: Identity): void {
  request.identity = identity;
  request.identifiedAt = performance.now();
  if (request.trace !== undefined) request.trace.identifiedAt = request.identifiedAt;
}

/** The client left before its request was whole. */
const GONE: Outcome = {
  status: 499,
  complete: false,
  clientGone: true,
  failure: undefined,
  attempts: [],
  facts: { usage: undefined, model: undefined },
  firstTokenAt: undefined,
  tokens: 0,
};

/** Path, host and port table of a request, decided once. @throws GatewayError TK_BAD_PATH, TK_BAD_REQUEST */
function locate(request: GatewayRequest, key: string): PortTable | undefined {
  const { raw, snapshot } = request;
  const target = readTarget(request.target);
  if (target === undefined)
    throw new GatewayError(
      'TK_BAD_PATH',
      'the path is malformed, or can be read in more than one way (escaped slash, backslash, control character)',
    );
  // What HTTP/1.1 is parsed as can claim any version.
  if (raw.httpVersionMajor !== 1 && !isHttp2(raw)) throw new GatewayError('TK_BAD_REQUEST', 'HTTP/1.0, HTTP/1.1 and HTTP/2 are served');
  checkHost(raw);
  request.path = target.path;
  request.query = target.query;
  request.host = hostOf(target.authority ?? raw.headers.host);
  return snapshot.ports.find((table) => table.key === key);
}

/** @throws GatewayError TK_MISDIRECTED */
function checkDirected({ raw, host }: GatewayRequest, table: PortTable, listener: ListenerTable): void {
  const { servername } = raw.socket as TLSSocket;
  if (typeof servername !== 'string' || !table.isMisdirected(servername, listener)) return;
  throw new GatewayError('TK_MISDIRECTED', `the connection was made for "${servername.slice(0, 100)}", not for "${host.slice(0, 100)}"`);
}

// RFC 3986, section 3.2.2: a name or IPv4 address, or an IPv6 address in brackets; a port.
const HOST = /^(?:[\w.~!$&'()*+,;=%-]*|\[[\da-f:.]+\])(?::\d{0,5})?$/i;

/** RFC 9112, section 3.2: one Host, and a valid one, or the request is refused. @throws GatewayError TK_BAD_REQUEST */
function checkHost({ headers, rawHeaders }: IncomingMessage): void {
  const { host } = headers;
  if (host !== undefined && !HOST.test(host)) throw new GatewayError('TK_BAD_REQUEST', 'the Host header is no host');
  let hosts = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at]!;
    if (name.length === 4 && name.toLowerCase() === 'host') hosts++;
  }
  if (hosts > 1) throw new GatewayError('TK_BAD_REQUEST', 'the request has more than one Host header');
}

/** @throws GatewayError */
async function read(
  request: GatewayRequest,
  endpoint: ApiEndpoint,
  { client }: ListenerTable,
): Promise<{ json?: JsonRequest; upload?: Upload }> {
  const { raw } = request;
  checkCoding(raw.headers);
  if (endpoint.body === 'multipart') {
    const upload = await Upload.open(raw, client.maxBodyBytes, client.requestReceivedMs);
    request.bodyBytes = Number(raw.headers['content-length'] ?? 0);
    request.model = upload.model.value;
    if (request.model === '') throw new GatewayError('TK_MODEL_REQUIRED', 'the field "model" is empty', { param: 'model' });
    return { upload };
  }
  checkJsonType(raw.headers);
  const body = await readBody(raw, client.maxBodyBytes, client.requestReceivedMs);
  request.bodyBytes = body.length;
  const json = readJson(body, endpoint);
  request.model = json.model;
  request.stream = json.stream;
  return { json };
}

function unknownModel(request: GatewayRequest, index: MatchIndex): GatewayError {
  const model = request.model!.slice(0, 200);
  // Names of models are told to callers that are known, or where nobody has to be.
  const hint = index.security === 'varies' ? '' : didYouMean(model, index.modelNames());
  return new GatewayError('TK_MODEL_NOT_FOUND', `no route serves the model "${model}"${hint}`, {
    param: 'model',
  });
}

/** @throws GatewayError for the share of a rule's requests that its wrong parts would have answered */
function checkWhole(rule: Rule): void {
  if (rule.broken !== undefined) throw brokenPolicy(rule.broken);
  if (rule.ai || rule.lost === 0 || (rule.lost < 1 && Math.random() >= rule.lost)) return;
  const { namespace, name } = rule.route;
  throw new GatewayError('TK_BROKEN_ROUTE', `this rule of ${namespace}/${name} leads nowhere: a backend that it names is not there`);
}

/** @throws GatewayError when the rule has no backend, or none that has this endpoint */
function checkServed({ plan, route }: Rule & { ai: true }, endpoint: ApiEndpoint, model: string): void {
  if (plan.targets.length === 0)
    throw new GatewayError('TK_NO_BACKEND', `the rule of ${route.namespace}/${route.name} that serves "${model}" has no backend`);
  if (plan.targets.some(({ schema }) => serves(endpoint, schema))) return;
  const names = [...new Set(plan.targets.map(({ schema }) => schema.name))];
  throw new GatewayError(
    'TK_UNSUPPORTED',
    `the backends of "${model}" speak the ${names.join(' and ')} API, which has nothing like ${endpoint.path}`,
  );
}
