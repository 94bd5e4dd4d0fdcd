import { ask, type AskOptions, type Asked, factsOf, textsIn } from './ask.ts';
import { capabilitiesOf, memberObject, type ServerCapabilities } from './capabilities.ts';
import { ServerFailed } from './failed.ts';
import { isModernError } from './initialize.ts';
import type { McpServer } from './server.ts';
import { isModernVersion, MODERN_VERSIONS } from './versions.ts';

const SERVER_INFO = 'io.modelcontextprotocol/serverInfo';

export interface DiscoverOptions extends AskOptions {
  /** JSON text, an object, checked. */
  readonly clientInfo: string;
  /** JSON text, an object, checked. */
  readonly capabilities: string;
}

/** What a server of the modern era says of itself. */
export interface Discovered {
  /** Those that it speaks; of a server of both eras also the legacy ones. */
  readonly versions: readonly string[];
  /** The newest one that the gateway speaks too. */
  readonly protocolVersion: string;
  readonly capabilities: ServerCapabilities;
  /** JSON, as it came. */
  readonly serverInfo: Buffer | undefined;
  readonly instructions: string | undefined;
  /** How long the answer holds; 0: it does not. */
  readonly ttlMs: number;
  /** Only `public` answers are for everybody. */
  readonly cacheScope: 'public' | 'private';
}

/**
 * `server/discover`.
 *
 * @throws ServerFailed; of kind `other_era` where the server is a modern one and speaks no version that the gateway does
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/discover
 */
export async function discover(server: McpServer, options: DiscoverOptions): Promise<Discovered> {
  const { result } = await askInVersion(server, options, MODERN_VERSIONS.at(-1)!).catch((error: unknown) => {
    const version = error instanceof ServerFailed && error.kind === 'other_era' ? spoken(error.supported ?? []) : undefined;
    if (version === undefined) throw error;
    return askInVersion(server, options, version);
  });
  const versions = textsIn(result.parse('supportedVersions'));
  // Some servers of the legacy era answer anything that they do not know with an empty result.
  if (versions === undefined) throw new ServerFailed('refused', 'the server did not say its protocol versions');
  const protocolVersion = spoken(versions);
  if (protocolVersion === undefined)
    throw new ServerFailed('other_era', 'the server speaks no protocol version that the gateway does', { supported: versions });
  if (result.type('capabilities') !== 'object') throw new ServerFailed('malformed', 'the server did not say its capabilities');
  return {
    versions,
    protocolVersion,
    capabilities: capabilitiesOf(result.slice('capabilities')!),
    // Drafts had it beside the capabilities.
    serverInfo: memberObject(result, '_meta')?.slice(SERVER_INFO) ?? result.slice('serverInfo'),
    instructions: result.string('instructions'),
    ttlMs: Math.max(0, result.number('ttlMs') ?? 0),
    cacheScope: result.string('cacheScope') === 'public' ? 'public' : 'private',
  };
}

/** @throws ServerFailed of kind `other_era` for any error that says that the server is a modern one */
async function askInVersion(
  server: McpServer,
  { clientInfo, capabilities, ...call }: DiscoverOptions,
  protocolVersion: string,
): Promise<Asked> {
  const meta = [
    `"io.modelcontextprotocol/protocolVersion":${JSON.stringify(protocolVersion)}`,
    `"io.modelcontextprotocol/clientInfo":${clientInfo}`,
    `"io.modelcontextprotocol/clientCapabilities":${capabilities}`,
  ];
  const method = 'server/discover';
  try {
    const headers = [...call.headers, 'mcp-method', method];
    return await ask(server, { ...call, protocolVersion, headers }, { method, meta: meta.join(',') });
  } catch (error) {
    if (!(error instanceof ServerFailed) || error.rpcError === undefined || !isModernError(error.rpcError)) throw error;
    const { status, rpcError } = error;
    const { supported } = factsOf(rpcError);
    throw new ServerFailed('other_era', 'the server is a modern one and did not take the request', {
      status,
      rpcError,
      supported,
      cause: error,
    });
  }
}

function spoken(versions: readonly string[]): string | undefined {
  return MODERN_VERSIONS.findLast((version) => versions.includes(version));
}

/** Which way a server has to be spoken to. */
export type ServerEra =
  | {
      readonly era: 'modern';
      /** Those that it names, legacy ones included. Empty: it named none. */
      readonly versions: readonly string[];
    }
  | { readonly era: 'legacy' };

/** Statuses with which servers of the legacy era refuse what they do not know. */
const UNKNOWN_TO_SERVER: ReadonlySet<number> = new Set([400, 404, 405, 406, 415, 422]);

/**
 * Finds out a server's era by a modern request, as the specification advises.
 *
 * @throws ServerFailed where the server said nothing of it: no connection, no credential, a limit
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#backward-compatibility
 */
export async function probeEra(server: McpServer, options: DiscoverOptions): Promise<ServerEra> {
  try {
    return { era: 'modern', versions: (await discover(server, options)).versions };
  } catch (error) {
    if (!(error instanceof ServerFailed)) throw error;
    const { kind, supported = [], status = 0, rpcError } = error;
    if (kind === 'other_era')
      return supported.length > 0 && !supported.some(isModernVersion) ? { era: 'legacy' } : { era: 'modern', versions: supported };
    if (kind === 'refused') return { era: 'legacy' };
    if (kind === 'status' && (UNKNOWN_TO_SERVER.has(status) || (status >= 500 && rpcError !== undefined))) return { era: 'legacy' };
    throw error;
  }
}
