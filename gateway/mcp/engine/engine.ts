import { GatewayError, toGatewayError } from '#core/errors';
import { readBody } from '#core/read/body';
import type { McpRequest } from '#core/serve/pipeline';
import type { McpRule, McpTarget } from '#core/route/mcp-rule';

import { type CallerParts, ExchangingCaller } from '../access/callers-token.ts';
import { newIssuers } from '../access/issuers.ts';
import { metadataAnswer } from '../access/metadata.ts';
import { type Owned, passthroughNaming, prefixNaming } from '../names/naming.ts';
import { compileToolSelector } from '../names/selector.ts';
import { ToolBook } from '../tools/book.ts';
import { Operations } from '../trace/operations.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { eraOf } from '../wire/era.ts';
import { errorBytes, readMessage, type RpcMessage } from '../wire/message.ts';
import { invalidRequest, RpcError } from '../wire/rpc-error.ts';
import { type Era, eraOfVersion, MODERN_VERSIONS } from '../wire/versions.ts';
import { ClientReply } from './client-reply.ts';
import { checkLocalOrigin } from './local-origin.ts';
import { LegacyEra } from './legacy.ts';
import { ModernEra } from './modern.ts';
import type { Asked, EngineOptions, RouteParts, RouteServer, Told } from './parts.ts';
import { Permits } from './permits.ts';
import { challengeOf } from './server-calls.ts';
import { failureOf, refusalOf } from './server-messages.ts';

const BODY_MS = 60_000;

/** The MCP gateway: many servers behind the path of one MCPRoute. */
export class McpEngine {
  readonly #options: EngineOptions;
  readonly #legacy: LegacyEra;
  readonly #modern: ModernEra;
  readonly #routes = new WeakMap<McpRule, RouteParts>();
  readonly #issuers = newIssuers();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#legacy = new LegacyEra(options);
    this.#modern = new ModernEra(options);
  }

  /** Answers one request. @throws GatewayError before anything of it is answered */
  async handle({ request, rule, mcp, settled }: McpRequest): Promise<void> {
    const told: Told = {};
    const left = new AbortController();
    const { response } = request.reply;
    response.once('close', () => {
      if (!response.writableEnded) left.abort();
    });
    const metadata = await metadataAnswer(request, mcp, this.#issuers);
    if (metadata !== undefined) {
      request.reply.send(metadata.status, { ...metadata.headers }, metadata.body);
      settled(request);
      return;
    }
    const permits = new Permits(request, mcp);
    const seen = seenBy(permits, this.#routeOf(mcp, `${rule.route.namespace}/${rule.route.name}`), mcp);
    const route = seen.exchanges ? inNameOf({ request, security: rule.security, oauth: mcp.oauth, path: mcp.path }, seen, mcp) : seen;
    const asked: Asked = {
      request,
      route,
      permits,
      place: { route: route.name, subject: request.identity.clientId ?? '' },
      reply: new ClientReply(request.reply),
      signal: left.signal,
      told,
      toll: undefined,
    };
    checkLocalOrigin(request.raw);
    if (route.servers.size === 0) throw new GatewayError('TK_NO_BACKEND', `no MCP server of ${route.name} can be called`);
    try {
      await this.#answer(asked);
    } catch (error) {
      if (!left.signal.aborted) told.refused = toGatewayError(error);
      throw error;
    } finally {
      asked.reply.release();
      asked.operations?.end();
      request.details = { ...request.details, ...detailsOf(told), ...asked.toll?.settle(left.signal.aborted) };
      this.#options.ended?.(told, (performance.now() - request.startedAt) / 1000);
    }
    settled(request);
  }

  /** The gateway is about to stop: streams that only wait end. */
  drain(): void {
    this.#legacy.drain();
    this.#modern.drain();
  }

  /** Ends what is open at servers on behalf of clients that have no sessions. */
  close(): Promise<void> {
    return this.#modern.close();
  }

  async #answer(asked: Asked): Promise<void> {
    let message: RpcMessage | undefined;
    let era: Era = 'legacy';
    try {
      switch (asked.request.method) {
        case 'POST':
          checkAccepts(asked, POST_TYPES);
          message = readMessage(await this.#body(asked), { maxBytes: this.#options.limits.maxRequestBytes });
          asked.told.method = message.method;
          era = eraOf(asked.request.headers, message);
          if (message.method !== undefined) asked.operations = new Operations(asked, message, this.#options);
          await (era === 'modern' ? this.#modern : this.#legacy).post(asked, message);
          return;
        case 'GET':
          checkEra(asked);
          checkAccepts(asked, GET_TYPES);
          await this.#legacy.get(asked);
          return;
        case 'DELETE':
          checkEra(asked);
          await this.#legacy.delete(asked);
          return;
        default:
          throw new GatewayError('TK_METHOD', `MCP takes GET, POST and DELETE, not ${asked.request.method}`, {
            headers: { allow: 'GET, POST, DELETE' },
          });
      }
    } catch (error) {
      this.#refuse(asked, message, error, era);
    }
  }

  #body({ request }: Asked): Promise<Buffer> {
    const type = request.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase();
    if (type !== 'application/json') throw new GatewayError('TK_MEDIA_TYPE', 'MCP takes application/json');
    return readBody(request.raw, this.#options.limits.maxRequestBytes, BODY_MS);
  }

  #refuse(asked: Asked, message: RpcMessage | undefined, error: unknown, era: Era): void {
    const { reply, told, signal } = asked;
    if (!(error instanceof RpcError) && !(error instanceof ServerFailed)) throw error;
    if (signal.aborted) throw new GatewayError('TK_BAD_REQUEST', 'the client has left');
    const id = message?.kind === 'request' ? message.id : undefined;
    const failure = failureOf(error, told.server ?? '', id);
    told.error = failure.code;
    told.unreachable = error instanceof ServerFailed;
    if (reply.begun) return reply.cut();
    const challenge = error instanceof ServerFailed ? challengeOf(asked, error) : undefined;
    const headers = challenge === undefined ? failure.headers : { 'www-authenticate': challenge };
    const status =
      error instanceof ServerFailed && (challenge !== undefined || !OURS[era].has(error.status ?? 0)) ? error.status : undefined;
    const own = message?.kind === 'request' ? refusalOf(error, message) : undefined;
    if (own !== undefined) return reply.json(status ?? 200, own, headers);
    reply.json(challenge === undefined ? failure.httpStatus : status!, errorBytes(failure.id ?? id, failure), {
      ...failure.headers,
      ...headers,
    });
  }

  #routeOf(mcp: McpRule, name: string): RouteParts {
    const known = this.#routes.get(mcp);
    if (known !== undefined) return known;
    const servers = new Map(
      mcp.targets.map((target): [string, RouteServer] => [
        target.name,
        { server: target, selector: compileToolSelector(target.tools), book: this.#bookOf(target, mcp, name) },
      ]),
    );
    const names = [...servers.keys()];
    const [only] = names;
    const naming = names.length === 1 ? passthroughNaming(only!) : prefixNaming(names);
    const exchanges = mcp.targets.some(({ exchange }) => exchange !== undefined);
    const made: RouteParts = { name, servers, naming, exchanges };
    this.#routes.set(mcp, made);
    return made;
  }

  #bookOf({ name, lock }: McpTarget, { checksArguments }: McpRule, route: string): ToolBook | undefined {
    if (lock === undefined && !checksArguments) return undefined;
    return new ToolBook({
      server: `${name} of MCPRoute ${route}`,
      lock,
      checksArguments,
      freshMs: this.#options.limits.toolsMs,
      warn: this.#options.warn,
    });
  }
}

/** @throws GatewayError TK_METHOD: the modern era has neither streams that GET opens nor sessions to delete */
function checkEra({ request }: Asked): void {
  const version = request.headers['mcp-protocol-version'];
  if (typeof version !== 'string' || eraOfVersion(version) === 'legacy') return;
  throw new GatewayError('TK_METHOD', `MCP ${MODERN_VERSIONS[0]} takes POST alone, not ${request.method}`, { headers: { allow: 'POST' } });
}

/** The route with the servers that the caller sees. @throws GatewayError TK_FORBIDDEN where he sees none */
function seenBy(permits: Permits, route: RouteParts, { selects }: McpRule): RouteParts {
  if (selects === undefined || route.servers.size === 0) return route;
  const servers = new Map([...route.servers].filter(([name]) => permits.selects(name)));
  if (servers.size === 0) throw new GatewayError('TK_FORBIDDEN', 'the route shows this caller none of its servers');
  const { naming } = route;
  const seen = (owned: Owned | undefined): Owned | undefined => (owned !== undefined && servers.has(owned.server) ? owned : undefined);
  const narrowed = {
    ...naming,
    toServer: (name: string) => seen(naming.toServer(name)),
    uriToServer: (uri: string) => seen(naming.uriToServer(uri)),
  };
  return { ...route, servers, naming: narrowed };
}

/** The route with its servers as they are called in the name of the caller. */
function inNameOf(parts: CallerParts, route: RouteParts, { targets }: McpRule): RouteParts {
  const caller = new ExchangingCaller(parts);
  const servers = new Map(route.servers);
  for (const target of targets) {
    const known = servers.get(target.name);
    const token = caller.at(target);
    if (known !== undefined && token !== undefined) servers.set(target.name, { ...known, server: { ...known.server, token } });
  }
  return { ...route, servers };
}

/** Statuses that would tell a client something of the gateway itself: its session, or its credential. */
const OURS: Readonly<Record<Era, ReadonlySet<number>>> = { legacy: new Set([401, 403, 404]), modern: new Set([401, 403]) };

const GET_TYPES = ['text/event-stream'];
const POST_TYPES = ['application/json', 'text/event-stream'];

/**
 * Without the header anything is taken (RFC 9110, section 12.5.1).
 * @throws RpcError with status 406
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#sending-messages-to-the-server
 */
function checkAccepts({ request }: Asked, types: readonly string[]): void {
  const accept = request.headers.accept?.toLowerCase() ?? '*/*';
  const takes = (type: string): boolean => accept.includes(type) || accept.includes(`${type.split('/', 1)[0]}/*`) || accept.includes('*/*');
  if (!types.every(takes)) throw invalidRequest(`Not acceptable: accept ${types.join(' and ')}`, { httpStatus: 406 });
}

function detailsOf({ method, server, name, session, error }: Told): Readonly<Record<string, unknown>> {
  return { mcp_method: method, mcp_backend: server, mcp_name: name, mcp_session: session, mcp_error: error };
}
