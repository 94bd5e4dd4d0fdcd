import type { Caller, Identity, Security } from '#core/identify/identity';
import { tokenDigest } from '#core/identify/token-cache';
import type { ExchangedTokens, SubjectToken } from '#core/providers/credentials/exchanged-tokens';
import { refusalOf } from '#core/providers/credentials/token-exchange';
import type { OAuth } from '#core/resources/ai-gateway/mcp-oauth';
import type { McpTarget } from '#core/route/mcp-rule';

import { ServerFailed } from '../upstream/failed.ts';
import type { CallerToken } from '../upstream/server.ts';
import { CallerUnknown, NOT_LET_IN, RpcError, shown } from '../wire/rpc-error.ts';
import { tokenWanted } from './challenges.ts';

/** As tokens are verified: clocks may differ. */
const CLOCK_SKEW_MS = 60_000;

/** Who calls, and by which token he is known. */
export interface CallerParts {
  readonly request: Caller & { readonly identity: Identity };
  readonly security: Security | undefined;
  readonly oauth: OAuth | undefined;
  /** Of the route. */
  readonly path: string;
}

/** The caller of one request, whose token is exchanged for those that are meant for servers. */
export class ExchangingCaller {
  readonly #parts: CallerParts;
  #subject: SubjectToken | undefined;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** What a server is shown of the caller; undefined: nothing. */
  at({ name, exchange }: Pick<McpTarget, 'name' | 'exchange'>): CallerToken | undefined {
    return exchange && new TokenAt(this, name, exchange);
  }

  /** Undefined: he has none, as one who came with a key. */
  get subject(): SubjectToken | undefined {
    if (this.#subject !== undefined) return this.#subject;
    const { request, security } = this.#parts;
    const { token } = request.identity;
    const text = token && security?.textOf?.(request, token);
    if (token === undefined || text === undefined) return undefined;
    const { exp } = token.claims;
    return (this.#subject = { text, digest: tokenDigest(text), expiresAt: typeof exp === 'number' ? exp * 1000 : undefined });
  }

  /** What he is answered who has to come with a token, or with another one. */
  unknownTo(server: string, hasLapsed: boolean): CallerUnknown {
    const { oauth, path } = this.#parts;
    const why = hasLapsed ? 'the token of the caller has expired' : 'it is called in the name of the caller, who came without a token';
    const challenge = oauth && tokenWanted(oauth, path, hasLapsed);
    return new CallerUnknown(`MCP server ${shown(server)}: ${why}`, { challenge, hasLapsed });
  }
}

/** The token of one caller for one server. */
class TokenAt implements CallerToken {
  readonly #caller: ExchangingCaller;
  readonly #server: string;
  readonly #exchange: ExchangedTokens;

  constructor(caller: ExchangingCaller, server: string, exchange: ExchangedTokens) {
    this.#caller = caller;
    this.#server = server;
    this.#exchange = exchange;
  }

  get caller(): string {
    return this.#caller.subject?.digest ?? '';
  }

  async get(signal: AbortSignal): Promise<string> {
    if (signal.aborted) throw givenUp();
    const { subject } = this.#caller;
    if (subject === undefined) throw this.#caller.unknownTo(this.#server, false);
    // A stream outlives the token that it was opened with.
    if (subject.expiresAt !== undefined && Date.now() >= subject.expiresAt + CLOCK_SKEW_MS)
      throw this.#caller.unknownTo(this.#server, true);
    try {
      return await this.#exchange.of(subject, signal);
    } catch (error) {
      if (signal.aborted) throw givenUp();
      const code = refusalOf(error);
      if (code === undefined) throw new ServerFailed('connect', 'no token for it can be had now', { cause: error });
      const why = `MCP server ${shown(this.#server)}: the authorization server gives the caller no token for it (${code})`;
      throw new RpcError(NOT_LET_IN, why, { httpStatus: 403 });
    }
  }

  forget(token: string): void {
    const { subject } = this.#caller;
    if (subject !== undefined) this.#exchange.forget(subject, token);
  }
}

function givenUp(): ServerFailed {
  return new ServerFailed('aborted', 'the call was given up');
}
