import { scanObject } from '#core/json/scan';

import { keyOf, type McpServer } from '../upstream/server.ts';
import type { ListedTool } from './read.ts';

/** So old may be what is known of a server, in ms. */
const FRESH_MS = 60_000;
const MOST_SERVERS = 1000;
/** Tools of a server that are remembered. */
const MOST_TOOLS = 2000;
const WANTED = '"x-mcp-header"';

interface Known {
  readonly at: number;
  /** By tool; of those alone that want a header. */
  readonly schemas: Promise<ReadonlyMap<string, unknown>>;
}

/**
 * Input schemas of tools that want arguments as headers, as the lists of their servers said lately. A client of the legacy era knows nothing of
 * such headers, so that the gateway has to.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#custom-headers-from-tool-parameters
 */
export class ParameterSchemas {
  readonly #known = new Map<string, Known>();

  /**
   * @param read lists all tools of the server
   * @returns undefined where the tool wants no header, and where the server does not say
   */
  async of(server: McpServer, tool: string, read: () => AsyncIterable<ListedTool>): Promise<unknown> {
    const key = keyOf(server);
    let known = this.#known.get(key);
    if (known === undefined || performance.now() - known.at >= FRESH_MS) {
      known = { at: performance.now(), schemas: schemasIn(read()) };
      this.#known.delete(key);
      if (this.#known.size >= MOST_SERVERS) this.#known.delete(this.#known.keys().next().value!);
      this.#known.set(key, known);
    }
    try {
      return (await known.schemas).get(tool);
    } catch {
      // The call itself will tell what is wrong with the server.
      if (this.#known.get(key) === known) this.#known.delete(key);
      return undefined;
    }
  }

  /** What is known is not right any more. */
  forget(server: McpServer): void {
    this.#known.delete(keyOf(server));
  }
}

async function schemasIn(tools: AsyncIterable<ListedTool>): Promise<ReadonlyMap<string, unknown>> {
  const schemas = new Map<string, unknown>();
  for await (const { name, entry } of tools)
    if (entry.includes(WANTED) && schemas.size < MOST_TOOLS) schemas.set(name, scanObject(entry, { maxDepth: 256 }).parse('inputSchema'));
  return schemas;
}
