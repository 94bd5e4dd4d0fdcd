import type { ErrorCode } from '#core/errors';
import { headersOf } from '#core/telemetry/trace/finish';
import { type HeldBody, type KeptFor, MOST_PARSED } from '#core/telemetry/trace/record';
import type { LinkParts } from '#core/telemetry/trace/built-span';
import type { TraceSettings } from '#core/telemetry/trace/settings';
import type { Shown } from '#core/telemetry/trace/shown';
import { safeText } from '#core/telemetry/redaction';

import type { Asked } from '../engine/parts.ts';
import { paramsOf, type RpcMessage } from '../wire/message.ts';
import { METHODS } from '../wire/methods.ts';
import { errorTypeOf } from './error-type.ts';
import type { McpTrace } from './mcp-trace.ts';
import type { Operation, OperationError } from './operation.ts';

/** What a message is about, where it says so. */
export interface About {
  readonly tool: string | undefined;
  readonly prompt: string | undefined;
  readonly uri: string | undefined;
}

/** One request or notification of a client, when it is over: all that its span is built from. Nothing has been parsed yet. */
export interface McpRecord {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly link: LinkParts | undefined;
  readonly keptFor: KeptFor;
  readonly shown: Shown;
  readonly requestId: string;
  /** JSON text. */
  readonly rpcId: string | undefined;
  readonly method: string;
  /** In the client's words. */
  readonly about: About;
  /** The one server that it went to. */
  readonly server: string | undefined;
  /** As the access log names it. */
  readonly session: string | undefined;
  readonly version: string | undefined;
  readonly httpVersion: string;
  readonly route: string;
  readonly clientId: string | undefined;
  readonly path: string;
  readonly headers: readonly (readonly [attribute: string, value: string])[];
  readonly status: number;
  /** Unix milliseconds, with a fraction. */
  readonly startMs: number;
  readonly endMs: number;
  readonly clientGone: boolean;
  readonly error: (OperationError & { readonly gatewayCode: ErrorCode | undefined }) | undefined;
  /** Of a tool, where inputs are shown. */
  readonly arguments: HeldBody | undefined;
  /** Of a tool, where outputs are shown. */
  readonly result: HeldBody | undefined;
  /** What servers were shown to be let in. */
  readonly secrets: readonly string[];
}

/** A request or notification to a server that is over. */
export interface CallRecord {
  readonly spanId: string;
  readonly server: string;
  readonly method: string;
  /** In the server's words. */
  readonly about: About;
  readonly rpcId: string | undefined;
  readonly version: string | undefined;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly status: number | undefined;
  readonly startMs: number;
  readonly endMs: number;
  readonly error: OperationError | undefined;
}

export const NOTHING: About = { tool: undefined, prompt: undefined, uri: undefined };

/** @returns undefined: it is not told of */
export function recordOf(
  asked: Asked,
  message: RpcMessage,
  trace: McpTrace,
  { slowMs, headers }: Pick<TraceSettings, 'slowMs' | 'headers'>,
): McpRecord | undefined {
  const { request, told, signal, route } = asked;
  const { traceId, spanId, parentSpanId, sampled } = trace.request;
  const method = message.method!;
  const now = performance.now();
  const error = signal.aborted ? undefined : errorOf(asked);
  // Who listens does so for hours.
  const isSlow = slowMs > 0 && now - request.startedAt >= slowMs && method !== 'subscriptions/listen';
  const keptFor = error !== undefined ? 'error' : isSlow ? 'slow' : sampled ? 'sampled' : undefined;
  if (keptFor === undefined) return undefined;
  const isTool = method === 'tools/call';
  return {
    traceId,
    spanId,
    parentSpanId,
    link: trace.link,
    keptFor,
    shown: trace.shown,
    requestId: request.id,
    rpcId: message.id,
    method: named(method),
    about: aboutOf(method, told.name),
    server: told.server,
    session: told.session,
    version: told.version,
    httpVersion: request.raw.httpVersion,
    route: route.name,
    clientId: request.identity.clientId,
    path: safeText(request.path),
    headers: headersOf(request, headers),
    status: told.refused?.status ?? request.reply.status,
    startMs: request.startTime,
    endMs: request.startTime + now - request.startedAt,
    clientGone: signal.aborted,
    error,
    arguments: isTool && trace.shown.inputs ? held(paramsOf(message)?.slice('arguments')) : undefined,
    result: held(trace.answer),
    secrets: trace.secrets,
  };
}

/** @returns undefined: it is not over, or was never sent */
export function callOf({ request, route, told }: Asked, operation: Operation): CallRecord | undefined {
  const { server, method, isClients, spanId, startedAt, endedAt, endpoint, protocolVersion, status, id, error } = operation;
  if (startedAt === undefined || endedAt === undefined) return undefined;
  const at = (perf: number): number => request.startTime + perf - request.startedAt;
  const { tool, prompt, uri } = isClients ? aboutOf(method, told.name) : NOTHING;
  const name = (text: string | undefined): string | undefined => (text === undefined ? undefined : route.naming.toServer(text)?.name);
  return {
    spanId,
    server,
    method: named(method),
    about: { tool: name(tool), prompt: name(prompt), uri: uri === undefined ? undefined : route.naming.uriToServer(uri)?.name },
    rpcId: id,
    version: protocolVersion,
    address: endpoint?.origin.host,
    port: endpoint?.origin.port,
    status,
    startMs: at(startedAt),
    endMs: at(endedAt),
    error,
  };
}

/** @param name of the access log */
function aboutOf(method: string, name: string | undefined): About {
  if (name === undefined) return NOTHING;
  if (method === 'tools/call') return { ...NOTHING, tool: named(name) };
  if (method === 'prompts/get') return { ...NOTHING, prompt: named(name) };
  return METHODS.get(method)?.subject === 'params.uri' ? { ...NOTHING, uri: named(name) } : NOTHING;
}

/** What others call something: it can be anything. */
function named(name: string): string {
  return safeText(name.slice(0, 256));
}

function held(body: Buffer | undefined): HeldBody | undefined {
  return body !== undefined && body.length > MOST_PARSED ? 'too large' : body;
}

function errorOf({ told }: Asked): McpRecord['error'] {
  const type = errorTypeOf(told);
  if (type === undefined) return undefined;
  const { error: code, unreachable, refused } = told;
  const gatewayCode = refused?.code;
  const message =
    code === undefined
      ? (gatewayCode ?? 'the tool says that it failed')
      : unreachable === true
        ? 'the server gave no answer'
        : `JSON-RPC error ${code}`;
  return { type, code, gatewayCode, message };
}
