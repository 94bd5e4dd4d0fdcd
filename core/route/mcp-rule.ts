import type { Serving } from '../attempt/backend.ts';
import type { McpDecide, McpSelects } from '../identify/mcp-authorization.ts';
import type { ExchangedTokens } from '../providers/credentials/exchanged-tokens.ts';
import type { MCPBackendRef } from '../resources/ai-gateway/mcp-backend-ref.ts';
import type { OAuth } from '../resources/ai-gateway/mcp-oauth.ts';

import type { ToolLock } from './mcp-locks.ts';

/** An MCP server behind a route. */
export interface McpTarget {
  /** By which its tools are told from those of others. */
  readonly name: string;
  readonly backend: Serving;
  readonly path: string;
  /** Which of its tools clients see; undefined: all. */
  readonly tools: MCPBackendRef['toolSelector'];
  /** Undefined: whatever the server says that they are. */
  readonly lock: ToolLock | undefined;
  readonly credential: McpCredential | undefined;
  /** The server is called in the name of each caller, with a token of his for it; undefined: it is not. */
  readonly exchange: ExchangedTokens | undefined;
  readonly forwardHeaders: readonly { readonly name: string; readonly as: string }[];
}

export type McpCredential = { readonly header: string; readonly value: string } | { readonly queryParam: string; readonly value: string };

/** What an MCPRoute serves at its path. */
export interface McpRule {
  readonly path: string;
  readonly targets: readonly McpTarget[];
  readonly oauth: OAuth | undefined;
  /** In a cluster: the issuer is not asked where its name leads to this machine or its neighbours. */
  readonly elsewhere: boolean;
  /** Arguments of tools are held against the schemas that the servers give. */
  readonly checksArguments: boolean;
  /** Undefined: whoever may call may use everything. */
  readonly decide: McpDecide | undefined;
  /** Undefined: whoever may call sees all servers. */
  readonly selects: McpSelects | undefined;
}
