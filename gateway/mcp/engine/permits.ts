import { GatewayError } from '#core/errors';
import type { McpAsked } from '#core/identify/mcp-authorization';
import type { McpRule } from '#core/route/mcp-rule';
import { metadataUrl } from '#core/route/mcp-security';
import type { GatewayRequest } from '#core/serve/request';

import { insufficientScope } from '../access/challenges.ts';
import { paramsOf, type RpcMessage } from '../wire/message.ts';

type Kind = McpAsked['kind'];

/** What is in a list is there to be used so. */
const USES: ReadonlyMap<string, readonly [method: string, kind: Kind]> = new Map([
  ['tools/list', ['tools/call', 'tool']],
  ['prompts/list', ['prompts/get', 'prompt']],
  ['resources/list', ['resources/read', 'resource']],
  ['resources/templates/list', ['resources/read', 'resource']],
  ['notifications/resources/updated', ['resources/read', 'resource']],
]);

const KINDS: ReadonlyMap<string, Kind> = new Map([
  ['tools/call', 'tool'],
  ['prompts/get', 'prompt'],
  ['resources/read', 'resource'],
  ['resources/subscribe', 'resource'],
  ['resources/unsubscribe', 'resource'],
]);

/** What a caller may use of the servers of a route: calls are refused, and lists leave out, by the same rules. */
export class Permits {
  readonly #request: GatewayRequest;
  readonly #mcp: McpRule;

  constructor(request: GatewayRequest, mcp: McpRule) {
    this.#request = request;
    this.#mcp = mcp;
  }

  /** Whether callers differ in what they may use. */
  get isPersonal(): boolean {
    const { decide, selects, targets } = this.#mcp;
    return decide !== undefined || selects !== undefined || targets.some(({ exchange }) => exchange !== undefined);
  }

  /** Whether the caller sees a server at all. */
  selects(server: string): boolean {
    const { identity } = this.#request;
    return this.#mcp.selects?.({ caller: this.#request, token: identity.token, method: 'initialize' }, server) ?? true;
  }

  /** For entries of a list of a server, by the server's own names; undefined: all of them. */
  ofList(server: string, method: string): ((name: string) => boolean) | undefined {
    const use = USES.get(method);
    if (use === undefined || this.#mcp.decide === undefined) return undefined;
    const [used, kind] = use;
    return (name) => this.#decide(server, used, kind, name, undefined).allowed;
  }

  /** Whether he may use a method that names nothing. */
  allows(server: string, method: string): boolean {
    return this.#mcp.decide === undefined || this.#decide(server, method, 'other', undefined, undefined).allowed;
  }

  /**
   * @param name of the tool, prompt or resource in the server's words
   * @throws GatewayError TK_FORBIDDEN, with the scopes that would do
   */
  require(server: string, message: RpcMessage, name: string | undefined): void {
    if (this.#mcp.decide === undefined) return;
    const method = message.method!;
    const params = (): unknown => JSON.parse(paramsOf(message)?.bytes.toString() ?? '{}') as unknown;
    const decision = this.#decide(server, method, KINDS.get(method) ?? 'other', name, params);
    if (decision.allowed) return;
    const { oauth, path } = this.#mcp;
    const { missingScopes } = decision;
    const headers =
      oauth === undefined || missingScopes.length === 0
        ? {}
        : { 'www-authenticate': insufficientScope(missingScopes, metadataUrl(oauth, path)) };
    throw new GatewayError('TK_FORBIDDEN', `the authorization of this route does not allow ${method} here`, { headers });
  }

  #decide(server: string, method: string, kind: Kind, name: string | undefined, params: (() => unknown) | undefined) {
    return this.#mcp.decide!({ caller: this.#request, token: this.#request.identity.token, method, server, kind, name, params });
  }
}
