import type { IncomingHttpHeaders } from 'node:http';

import type { Endpoint } from '../attempt/backend.ts';
import type { Outbound } from '../attempt/call.ts';
import type { Target } from '../attempt/plan.ts';
import { forwardable, removeHeaders } from '../http/headers.ts';
import { type Edit, editObject } from '../json/edit.ts';

import type { LimitRule } from '../limits/rule.ts';
import type { ApiEndpoint, BackendApi } from '../read/endpoints.ts';
import type { JsonRequest } from '../read/json-request.ts';
import type { OutputLimitName } from '../read/output-limit.ts';
import type { Upload } from '../read/upload.ts';
import type { OrdinaryTarget } from '../route/rule.ts';
import type { Credential } from './credentials/credential.ts';
import { type ChatWords, limitEdits } from './chat-words.ts';
import { upstreamPath } from './transports/path.ts';
import { translateHeaders, type Wire } from './wire.ts';

/** The API that a backend speaks, as `AIServiceBackend.spec.schema`. */
export interface Schema {
  readonly name: BackendApi;
  readonly version: string | undefined;
  readonly prefix: string | undefined;
  /** Operations of the API that this server does not have. */
  readonly lacks?: ReadonlySet<string> | undefined;
}

/** Headers to set and to take away on the way to a backend; names in lower case. */
export interface HeaderEdits {
  /** Flat: name, value, … */
  readonly set: readonly string[];
  /** Names that the client's own values are not wanted of: removed or set. */
  readonly replaced: ReadonlySet<string>;
}

/** A model provider at one place of an AIGatewayRoute. */
export interface AiTarget extends Target, ChatWords {
  readonly schema: Schema;
  readonly credential: Credential | undefined;
  /** Client headers, in lower case, that may carry the client's own credential for this backend. */
  readonly overrides: readonly string[];
  readonly modelOverride: string | undefined;
  readonly headers: HeaderEdits;
  /** Client headers that do not go to this backend: those of {@link headers} and of the route's policies. */
  readonly stripped: ReadonlySet<string>;
  /** Body mutations, the route's behind the backend's: later ones win. */
  readonly bodyEdits: readonly Edit[];
  /** Whether what a client names by its address is fetched for it where its API takes bytes alone. */
  readonly fetchesMedia?: boolean | undefined;
  /** What may be used of the backend (QuotaPolicy). */
  readonly quotas: readonly LimitRule[];
  /** Where the backend is a tier two: the name that requests to it are signed for. */
  readonly tierTwo?: string | undefined;
  /** Filters of an HTTPRoute's reference to the backend. */
  readonly ordinary?: Pick<OrdinaryTarget, 'request' | 'answer'>;
}

/** What an attempt at an AI backend is built from: the request as it came, never an earlier attempt's version. */
export interface AiRequest {
  readonly endpoint: ApiEndpoint;
  readonly headers: IncomingHttpHeaders;
  /** The query that may go on, from `?` on. */
  readonly query: string;
  readonly model: string;
  /** Of the identify stage, flat. */
  readonly identityHeaders: readonly string[];
  readonly json: JsonRequest | undefined;
  readonly upload: Upload | undefined;
  /** Bounds the answer, whatever the request and the mutations of a route say. */
  bound?: { readonly set: OutputLimitName; readonly value: string } | undefined;
}

/**
 * The request to one backend in the dialect that both sides speak: the body passes with surgical edits, or untouched. The credential
 * is not on it yet.
 * @param below path below the prefix of the schema
 */
export function encode(request: AiRequest, target: AiTarget, endpoint: Endpoint, below: string, model = target.modelOverride): Outbound {
  const headers = forwardable(request.headers, 'ai', target.stripped);
  addHeaders(headers, request, target, endpoint);
  return {
    method: request.endpoint.method,
    path: upstreamPath(target.schema, below, model ?? request.model, request.query),
    headers,
    body: bodyOf(request, target, model),
  };
}

/**
 * The request to a backend that speaks another API than the client; without its credential. What the client has in its query is of its
 * own API.
 * @param own headers that the backend's API wants, flat
 */
export function encodeTranslated(
  request: AiRequest,
  target: AiTarget,
  endpoint: Endpoint,
  path: string,
  body: Buffer,
  own?: readonly string[],
): Outbound {
  const headers = forwardable(request.headers, 'ai', target.stripped);
  translateHeaders(headers, own);
  addHeaders(headers, request, target, endpoint);
  return { method: 'POST', path, headers, body };
}

/** The request to a backend that speaks the client's dialect, at a path and with a body as only it has them; without its credential. */
export function encodeOverWire(
  request: AiRequest,
  target: AiTarget,
  endpoint: Endpoint,
  wire: Wire,
  model = target.modelOverride,
): Outbound {
  const headers = forwardable(request.headers, 'ai', target.stripped);
  const { inBody } = wire;
  if (inBody !== undefined) removeHeaders(headers, (name) => inBody.has(name));
  addHeaders(headers, request, target, endpoint);
  const body = bodyOf(request, target, model, wire.edits?.(target, request.headers), wire.words);
  return { method: 'POST', path: wire.path(target, model ?? request.model, request.json!.stream), headers, body };
}

function addHeaders(headers: string[], request: AiRequest, target: AiTarget, endpoint: Endpoint): void {
  headers.push('host', endpoint.hostHeader, 'accept-encoding', 'identity', ...request.identityHeaders, ...target.headers.set);
}

/** Puts the backend's credential on, the last thing before the request is sent: nothing else can set that header. */
export function authorize(outbound: Outbound, { credential }: AiTarget, client: IncomingHttpHeaders): Outbound {
  return credential === undefined ? outbound : credential.authorize(outbound, client);
}

function bodyOf(
  { endpoint, json, upload, model, bound }: AiRequest,
  target: AiTarget,
  wanted: string | undefined,
  more: readonly Edit[] = [],
  { asksForUsage, outputLimit }: ChatWords = target,
): Outbound['body'] {
  if (upload !== undefined) return upload.body(wanted);
  if (json === undefined) return null;
  const { bodyEdits } = target;
  const edits: Edit[] = [];
  if (wanted !== undefined && wanted !== model) edits.push({ set: 'model', value: JSON.stringify(wanted) });
  if (json.stream && endpoint.asksForUsage && asksForUsage && !json.wantsUsage)
    edits.push({ set: 'stream_options', value: withUsage(json) });
  const newName = endpoint.operation === 'chat' ? outputLimit : undefined;
  if (newName !== undefined) edits.push(...limitEdits(json.scan, newName));
  if (bodyEdits.length > 0) edits.push(...bodyEdits);
  if (bound !== undefined) edits.push(newName === undefined ? bound : { set: newName, value: bound.value });
  edits.push(...more);
  return edits.length === 0 ? json.scan.bytes : editObject(json.scan, edits);
}

/** `stream_options` with include_usage on, and whatever else the client has in it. */
function withUsage(json: JsonRequest): string {
  if (json.scan.type('stream_options') !== 'object') return '{"include_usage":true}';
  const options = Object.entries(json.scan.parse('stream_options') as Record<string, unknown>).filter(([name]) => name !== 'include_usage');
  return JSON.stringify(Object.fromEntries([...options, ['include_usage', true]]));
}
