import { randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { GatewayError } from '#core/errors';
import { readBody } from '#core/read/body';

import { errorBytes, readMessage } from '../wire/message.ts';
import { invalidRequest, RpcError, SERVER_UNREACHABLE, sessionGone } from '../wire/rpc-error.ts';
import type { BridgedServer } from './config.ts';
import { DEFAULT_LIMITS, type Log, Program, type ProgramLimits } from './program.ts';

const HOST = '127.0.0.1';
const MAX_BODY_BYTES = 4 * 1024 * 1024;
const BODY_MS = 60_000;

export interface LocalBridge {
  readonly port: number;
  /** Of the header `authorization`: other programs of this machine do not get past the gateway. */
  readonly credential: string;
  /** Of a server's MCP endpoint. */
  path(server: string): string;
  /** Processes of sessions. */
  sessions(server: string): number;
  close(): Promise<void>;
}

/**
 * Servers that are programs, or speak the transport of 2024-11-05, each behind a Streamable HTTP endpoint of the loopback address, so that the gateway calls them like all
 * others. JSON-RPC passes as it is: whatever members, numbers and ids a message has.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports
 */
export async function startBridge(servers: readonly BridgedServer[], log: Log, limits: Partial<ProgramLimits> = {}): Promise<LocalBridge> {
  const credential = `Bearer ${randomBytes(32).toString('base64url')}`;
  const programs = new Map(servers.map((server) => [`/${server.name}`, new Program(server, { ...DEFAULT_LIMITS, ...limits }, log)]));
  const server = createServer((request, response) => {
    void answer(request, response, { programs, credential });
  });
  // A tool may take minutes; the gateway has the time limits.
  server.requestTimeout = 0;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, HOST, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    credential,
    path: (name) => `/${name}`,
    sessions: (name) => programs.get(`/${name}`)?.sessions ?? 0,
    close: () => close(server, programs),
  };
}

interface Bridged {
  readonly programs: ReadonlyMap<string, Program>;
  readonly credential: string;
}

async function close(server: Server, programs: ReadonlyMap<string, Program>): Promise<void> {
  const closed = new Promise((resolve) => server.close(resolve));
  await Promise.all([...programs.values()].map((program) => program.close()));
  server.closeAllConnections();
  await closed;
}

async function answer(request: IncomingMessage, response: ServerResponse, { programs, credential }: Bridged): Promise<void> {
  const program = programs.get(request.url ?? '');
  if (!isSame(request.headers.authorization ?? '', credential)) return refuse(response, 401);
  if (program === undefined) return refuse(response, 404);
  try {
    await serve(request, response, program);
  } catch (error) {
    if (error instanceof RpcError) return refuse(response, error.httpStatus, errorBytes(error.id, error));
    refuse(response, error instanceof GatewayError ? error.status : 500);
  }
}

/** @throws RpcError, GatewayError */
async function serve(request: IncomingMessage, response: ServerResponse, program: Program): Promise<void> {
  const given = request.headers['mcp-session-id'];
  const session = typeof given === 'string' ? program.session(given) : undefined;
  if (request.method === 'POST') {
    const body = await readBody(request, MAX_BODY_BYTES, BODY_MS);
    const message = readMessage(body, { maxBytes: MAX_BODY_BYTES });
    if (message.method === 'initialize' && message.kind === 'request') {
      const opened = program.open();
      if (typeof opened === 'number') return later(response, opened, message.id);
      return opened.request(message, body, response);
    }
    if (session === undefined) throw given === undefined ? noSession(message.id) : sessionGone(message.id);
    if (message.kind === 'request') return session.request(message, body, response);
    session.tell(body);
    return refuse(response, 202);
  }
  if (session === undefined) throw given === undefined ? noSession(undefined) : sessionGone(undefined);
  if (request.method === 'GET') return session.listen(response);
  if (request.method !== 'DELETE') return refuse(response, 405);
  refuse(response, 204);
  await program.stop(session);
}

function noSession(id: string | undefined): RpcError {
  return invalidRequest('Mcp-Session-Id is required: initialize first', { id });
}

function later(response: ServerResponse, waitMs: number, id: string | undefined): void {
  response.setHeader('retry-after', Math.ceil(waitMs / 1000));
  refuse(response, 503, errorBytes(id, new RpcError(SERVER_UNREACHABLE, 'The MCP server cannot be started now')));
}

function refuse(response: ServerResponse, status: number, body?: Buffer): void {
  if (response.headersSent) return void response.destroy();
  response.writeHead(status, body === undefined ? {} : { 'content-type': 'application/json' }).end(body);
}

function isSame(given: string, wanted: string): boolean {
  const [one, other] = [Buffer.from(given), Buffer.from(wanted)];
  return one.length === other.length && timingSafeEqual(one, other);
}
