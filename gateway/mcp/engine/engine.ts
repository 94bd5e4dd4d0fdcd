import { GatewayError } from '#core/errors';
import { readBody } from '#core/read/body';
import type { McpRequest } from '#core/serve/pipeline';
import type { McpRule } from '#core/route/mcp-rule';

import { passthroughNaming, prefixNaming } from '../names/naming.ts';
import { compileToolSelector } from '../names/selector.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { eraOf } from '../wire/era.ts';
import { errorBytes, readMessage, type RpcMessage } from '../wire/message.ts';
import { invalidRequest, RpcError } from '../wire/rpc-error.ts';
import { eraOfVersion, MODERN_VERSIONS } from '../wire/versions.ts';
import { ClientReply } from './client-reply.ts';
import { checkLocalOrigin } from './local-origin.ts';
import { LegacyEra } from './legacy.ts';
import { ModernEra } from './modern.ts';
import type { Asked, EngineOptions, RouteParts, RouteServer, Told } from './parts.ts';
import { failureOf, refusalOf } from './server-messages.ts';

const BODY_MS = 60_000;

/** The MCP gateway: many servers behind the path of one MCPRoute. */
export class McpEngine {
  readonly #options: EngineOptions;
  readonly #legacy: LegacyEra;
  readonly #modern: ModernEra;
  readonly #routes = new WeakMap<McpRule, RouteParts>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#legacy = new LegacyEra(options);
    this.#modern = new ModernEra(options);
  }

  /** Answers one request. @throws GatewayError before anything of it is answered */
  async handle({ request, rule, mcp, settled }: McpRequest): Promise<void> {
    const told: Told = {};
    const left = new AbortController();
    request.reply.response.once('close', () => left.abort());
    const route = this.#routeOf(mcp, `${rule.route.namespace}/${rule.route.name}`);
    const asked: Asked = {
      request,
      route,
      place: { route: route.name, subject: request.identity.clientId ?? '' },
      reply: new ClientReply(request.reply),
      signal: left.signal,
      told,
    };
    checkLocalOrigin(request.raw);
    if (route.servers.size === 0) throw new GatewayError('TK_NO_BACKEND', `no MCP server of ${route.name} can be called`);
    await this.#answer(asked);
    request.details = detailsOf(told);
    settled(request);
  }

  /** Ends what is open at servers on behalf of clients that have no sessions. */
  close(): Promise<void> {
    return this.#modern.close();
  }

  async #answer(asked: Asked): Promise<void> {
    let message: RpcMessage | undefined;
    try {
      switch (asked.request.method) {
        case 'POST':
          message = readMessage(await this.#body(asked), { maxBytes: this.#options.limits.maxRequestBytes });
          asked.told.method = message.method;
          await (eraOf(asked.request.headers, message) === 'modern' ? this.#modern : this.#legacy).post(asked, message);
          return;
        case 'GET':
          checkEra(asked);
          checkAccepts(asked);
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
      this.#refuse(asked, message, error);
    }
  }

  #body({ request }: Asked): Promise<Buffer> {
    const type = request.headers['content-type']?.split(';', 1)[0]!.trim().toLowerCase();
    if (type !== 'application/json') throw new GatewayError('TK_MEDIA_TYPE', 'MCP takes application/json');
    return readBody(request.raw, this.#options.limits.maxRequestBytes, BODY_MS);
  }

  #refuse({ reply, told, signal }: Asked, message: RpcMessage | undefined, error: unknown): void {
    if (error instanceof ServerFailed && (error.kind === 'aborted' || signal.aborted)) return reply.cut();
    if (!(error instanceof RpcError) && !(error instanceof ServerFailed)) throw error;
    if (reply.begun) return reply.cut();
    const own = message === undefined ? undefined : refusalOf(error, message);
    if (own !== undefined && error instanceof ServerFailed) return reply.json(error.status ?? 200, own);
    const failure = failureOf(error, told.server ?? '', message?.id);
    told.error = failure.code;
    reply.json(failure.httpStatus, errorBytes(failure.id ?? message?.id, failure));
  }

  #routeOf(mcp: McpRule, name: string): RouteParts {
    const known = this.#routes.get(mcp);
    if (known !== undefined) return known;
    const servers = new Map(
      mcp.targets.map((target): [string, RouteServer] => [target.name, { server: target, selector: compileToolSelector(target.tools) }]),
    );
    const names = [...servers.keys()];
    const [only] = names;
    const naming = names.length === 1 ? passthroughNaming(only!) : prefixNaming(names);
    const made: RouteParts = { name, servers, naming };
    this.#routes.set(mcp, made);
    return made;
  }
}

/** @throws GatewayError TK_METHOD: the modern era has neither streams that GET opens nor sessions to delete */
function checkEra({ request }: Asked): void {
  const version = request.headers['mcp-protocol-version'];
  if (typeof version !== 'string' || eraOfVersion(version) === 'legacy') return;
  throw new GatewayError('TK_METHOD', `MCP ${MODERN_VERSIONS[0]} takes POST alone, not ${request.method}`, { headers: { allow: 'POST' } });
}

/** @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#listening-for-messages-from-the-server */
function checkAccepts({ request }: Asked): void {
  const accept = request.headers.accept ?? '*/*';
  if (!/text\/event-stream|\*\/\*|text\/\*/.test(accept))
    throw invalidRequest('GET opens a stream of events: accept text/event-stream', { httpStatus: 406 });
}

function detailsOf({ method, server, name, session, error }: Told): Readonly<Record<string, unknown>> {
  return { mcp_method: method, mcp_backend: server, mcp_name: name, mcp_session: session, mcp_error: error };
}
