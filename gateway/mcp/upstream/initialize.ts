import type { JsonObjectScan } from '#core/json/scan';

import { ask, type AskOptions, factsOf } from './ask.ts';
import { callServer } from './call.ts';
import { capabilitiesOf, type ServerCapabilities } from './capabilities.ts';
import { ServerFailed } from './failed.ts';
import type { McpServer } from './server.ts';
import { isModernVersion, LEGACY_VERSIONS } from './versions.ts';

/** Time for a server to take note that a session is over. */
const FAREWELL_MS = 5000;

export interface SessionOptions extends AskOptions {
  /** JSON text, an object, checked. */
  readonly clientInfo: string;
  /** JSON text, an object, checked. */
  readonly capabilities: string;
  /** What the gateway asks for; the server may answer with another one. */
  readonly protocolVersion: string;
}

/** What all later calls of a session have in common. */
export interface SessionRef {
  /** Undefined: the server has no sessions. */
  readonly sessionId: string | undefined;
  readonly protocolVersion: string;
}

/** A session that a server of the legacy era has opened. */
export interface ServerSession extends SessionRef {
  readonly capabilities: ServerCapabilities;
  /** JSON, as it came. */
  readonly serverInfo: Buffer | undefined;
  readonly instructions: string | undefined;
}

/**
 * `initialize` and `notifications/initialized`.
 *
 * @throws ServerFailed; of kind `other_era` where the server speaks no version that is opened so
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle
 */
export async function openSession(server: McpServer, options: SessionOptions): Promise<ServerSession> {
  const { clientInfo, capabilities, protocolVersion, ...call } = options;
  const params = `"protocolVersion":${JSON.stringify(protocolVersion)},"capabilities":${capabilities},"clientInfo":${clientInfo}`;
  const { answer, result } = await ask(server, call, { method: 'initialize', params }).catch((error: unknown) => {
    throw otherEra(error) ?? error;
  });
  const opened = { sessionId: answer.sessionId, protocolVersion: result.string('protocolVersion') ?? '' };
  try {
    const session = sessionOf(opened, result);
    const body = Buffer.from('{"jsonrpc":"2.0","method":"notifications/initialized"}');
    const { messages } = await callServer(server, { ...call, ...opened, method: 'POST', body });
    await messages.return();
    return session;
  } catch (error) {
    // Nobody else knows of the session.
    void endSession(server, opened, call.headers);
    throw error;
  }
}

/** @throws ServerFailed */
function sessionOf(opened: SessionRef, result: JsonObjectScan): ServerSession {
  const { protocolVersion } = opened;
  if (isModernVersion(protocolVersion))
    throw new ServerFailed('other_era', `the server wants to speak ${protocolVersion}`, { supported: [protocolVersion] });
  if (!LEGACY_VERSIONS.includes(protocolVersion))
    throw new ServerFailed('other_era', 'the server wants to speak a protocol version that the gateway does not know');
  if (result.type('capabilities') !== 'object')
    throw new ServerFailed('malformed', 'the server opened a session and did not say its capabilities');
  return {
    ...opened,
    capabilities: capabilitiesOf(result.slice('capabilities')!),
    serverInfo: result.slice('serverInfo'),
    instructions: result.string('instructions'),
  };
}

const HEADER_MISMATCH = -32020;
const MISSING_CAPABILITY = -32021;
const UNSUPPORTED_VERSION = -32022;
const METHOD_NOT_FOUND = -32601;
const INVALID_PARAMS = -32602;

/** Whether an error is one that only servers of the modern era give. */
export function isModernError(rpcError: Buffer): boolean {
  const { code } = factsOf(rpcError);
  return code === HEADER_MISMATCH || code === MISSING_CAPABILITY || code === UNSUPPORTED_VERSION;
}

/** The answer to `initialize` of a server that does not know it; undefined: the failure is another one. */
function otherEra(error: unknown): ServerFailed | undefined {
  if (!(error instanceof ServerFailed) || error.rpcError === undefined) return undefined;
  const { status, rpcError } = error;
  const { code, message, supported } = factsOf(rpcError);
  // The example of the legacy specification for a refused version is -32602 with `data.supported`, too.
  const lacksMeta = code === INVALID_PARAMS && (message.includes('_meta') || supported?.some(isModernVersion) === true);
  if (!isModernError(rpcError) && code !== METHOD_NOT_FOUND && !lacksMeta) return undefined;
  return new ServerFailed('other_era', 'the server speaks no protocol version that opens a session', {
    status,
    rpcError,
    supported,
    cause: error,
  });
}

/** Tells a server that a session is over. What it answers changes nothing: it may forget sessions by itself. */
export async function endSession(server: McpServer, { sessionId, protocolVersion }: SessionRef, headers: readonly string[]): Promise<void> {
  if (sessionId === undefined) return;
  const limits = { headMs: FAREWELL_MS, idleMs: FAREWELL_MS, maxBytes: 0, signal: AbortSignal.timeout(FAREWELL_MS) };
  try {
    await callServer(server, { method: 'DELETE', sessionId, protocolVersion: protocolVersion || undefined, headers, ...limits });
  } catch {
    // Gone is gone.
  }
}
