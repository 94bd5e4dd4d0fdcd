import type { IncomingHttpHeaders } from 'node:http';

import type { JsonObjectScan } from '#core/json/scan';
import { decodeHeaderValue, encodeHeaderValue, trimmed } from './header-value.ts';
import { metaOf, paramsOf, type RpcMessage } from './message.ts';
import { METHODS } from './methods.ts';
import { headerMismatch, invalidParams, invalidRequest, shown, unsupportedVersion } from './rpc-error.ts';
import { ASSUMED_VERSION, type Era, eraOfVersion, isLegacyVersion, isModernVersion, MODERN_VERSIONS } from './versions.ts';

export const VERSION_META = 'io.modelcontextprotocol/protocolVersion';
export const CLIENT_CAPABILITIES_META = 'io.modelcontextprotocol/clientCapabilities';
export const CLIENT_INFO_META = 'io.modelcontextprotocol/clientInfo';
export const LOG_LEVEL_META = 'io.modelcontextprotocol/logLevel';

const VERSION = 'mcp-protocol-version';
const METHOD = 'mcp-method';
const NAME = 'mcp-name';
const PARAM_PREFIX = 'mcp-param-';

/**
 * The era that a POST is of. What the body says counts first: `_meta` with a version is modern, `initialize` legacy. The header
 * decides where the body says neither: a modern client that forgot its `_meta` is told so, and not sent to `initialize`.
 *
 * @throws RpcError -32602 where the parameters or `_meta` are no objects
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/versioning#backward-compatibility-with-initialization-based-versions
 */
export function eraOf(headers: IncomingHttpHeaders, message: RpcMessage): Era {
  if (message.kind !== 'response' && metaOf(message)?.has(VERSION_META)) return 'modern';
  if (message.method === 'initialize') return 'legacy';
  const version = headerOf(headers, VERSION);
  return version === undefined ? 'legacy' : eraOfVersion(version);
}

/**
 * The revision that a request of the legacy era names. One without the header is taken for the last revision that had none;
 * a session knows better.
 *
 * @throws RpcError -32022 with status 400 for a version that is not spoken
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/transports#protocol-version-header
 */
export function checkLegacyHeader(headers: IncomingHttpHeaders, id?: string): string {
  const version = headerOf(headers, VERSION);
  if (version === undefined || version === ASSUMED_VERSION) return ASSUMED_VERSION;
  if (!isLegacyVersion(version)) throw unsupportedVersion(version, id);
  return version;
}

/** What a modern client's headers say beyond the body. */
export interface ModernHeaders {
  readonly version: string;
  /**
   * Headers to pass on as they came, names in lower case: `Mcp-Param-*`, for only the server knows which parameters it wants
   * there, and the `Mcp-Name` of a method that is not known here.
   */
  readonly kept: Readonly<Record<string, string>>;
}

/**
 * Checks that a modern request has the metadata that it must have, and that its headers say what its body says.
 *
 * A notification needs no headers (the revision defines none for it); those that it has must be right.
 *
 * @throws RpcError -32602 with status 400 for metadata that is missing, -32020 for headers, -32022 for a version that is not spoken
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/transports/streamable-http#server-validation
 */
export function checkModernHeaders(headers: IncomingHttpHeaders, message: RpcMessage): ModernHeaders {
  const { id, method } = message;
  if (method === undefined) throw invalidRequest('A client sends requests and notifications, and no responses', { id });
  const isRequest = message.kind === 'request';
  const meta = metaOf(message);
  const version = isRequest ? requiredVersion(meta, id) : (meta?.string(VERSION_META) ?? headerOf(headers, VERSION));
  requireSame('MCP-Protocol-Version', headerOf(headers, VERSION), version, { isRequired: isRequest, id });
  requireSame('Mcp-Method', headerOf(headers, METHOD), method, { isRequired: isRequest, id });
  checkName(headers, message);
  const kept = keptHeaders(headers, message);
  if (version !== undefined && !isModernVersion(version)) throw unsupportedVersion(version, id);
  return { version: version ?? MODERN_VERSIONS[0], kept };
}

function requiredVersion(meta: JsonObjectScan | undefined, id: string | undefined): string {
  const version = meta?.string(VERSION_META);
  const refuse = (why: string) => invalidParams(`Invalid params: ${why}`, { httpStatus: 400, id });
  if (version === undefined) throw refuse(`_meta["${VERSION_META}"] must be a string`);
  if (meta?.type(CLIENT_CAPABILITIES_META) !== 'object') throw refuse(`_meta["${CLIENT_CAPABILITIES_META}"] must be an object`);
  return version;
}

function requireSame(
  name: string,
  header: string | undefined,
  body: string | undefined,
  { isRequired, id }: { readonly isRequired: boolean; readonly id: string | undefined },
): void {
  if (header === undefined) {
    if (isRequired) throw headerMismatch(`${name} is required`, id);
    return;
  }
  if (header !== body) throw headerMismatch(`${name} is '${shown(header)}', and the body says '${shown(body ?? '')}'`, id);
}

/** `Mcp-Name` is required where a method has it and the body names its subject. With any other known method it says nothing. */
function checkName(headers: IncomingHttpHeaders, message: RpcMessage): void {
  if (!hasName(message)) return;
  const { id } = message;
  const header = headerOf(headers, NAME);
  const name = header === undefined ? undefined : decodeHeaderValue(header);
  if (header !== undefined && name === undefined) throw headerMismatch('Mcp-Name is malformed', id);
  const body = subjectOf(message);
  requireSame('Mcp-Name', name, body, { isRequired: message.kind === 'request' && body !== undefined, id });
}

function hasName({ method }: RpcMessage): boolean {
  return METHODS.get(method ?? '')?.hasNameHeader ?? false;
}

/** The name, URI or task that a message is about; undefined where it names none, or its method is not known. */
export function subjectOf(message: RpcMessage): string | undefined {
  const subject = METHODS.get(message.method ?? '')?.subject;
  return subject && paramsOf(message)?.string(subject.slice('params.'.length));
}

function keptHeaders(headers: IncomingHttpHeaders, { id, method }: RpcMessage): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  const isUnknown = !METHODS.has(method ?? '');
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || !(name.startsWith(PARAM_PREFIX) || (isUnknown && name === NAME))) continue;
    if (typeof value !== 'string' || decodeHeaderValue(value) === undefined) throw headerMismatch(`${shown(name)} is malformed`, id);
    kept[name] = value;
  }
  return kept;
}

/**
 * The headers of a modern request to a server, from the message as it is sent there: names and URIs have been rewritten by then.
 *
 * @param kept - of the client's headers, what passes as it came
 */
export function modernHeaders(message: RpcMessage, kept: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  const name = hasName(message) ? subjectOf(message) : undefined;
  return {
    ...kept,
    [VERSION]: metaOf(message)?.string(VERSION_META) ?? MODERN_VERSIONS[0],
    ...(message.method !== undefined && { [METHOD]: message.method }),
    ...(name !== undefined && { [NAME]: encodeHeaderValue(name) }),
  };
}

/** Two values under one name become `a, b`, which equals nothing. */
function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  if (value === undefined) return undefined;
  return trimmed(typeof value === 'string' ? value : value.join(', '));
}
