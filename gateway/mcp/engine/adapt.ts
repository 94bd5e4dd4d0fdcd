import type { Edit } from '#core/json/edit';
import { editObject } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';
import type { ToolsCall } from '../tools/read.ts';
import type { AskOptions } from '../upstream/ask.ts';
import { CLIENT_CAPABILITIES_META, CLIENT_INFO_META, LOG_LEVEL_META, modernHeaders, VERSION_META } from '../wire/era.ts';
import { type RpcMessage, readMessage } from '../wire/message.ts';
import { INVALID_PARAMS } from '../wire/rpc-error.ts';
import { MODERN_VERSIONS } from '../wire/versions.ts';

/*
 * What a request or a result of one era is in the other one.
 */

/** Schemas of tools nest deeply. */
const DEPTH = { maxDepth: 256 };
const ANY_SIZE = { maxBytes: Number.MAX_SAFE_INTEGER };

/** Takes out of `_meta` what a server of the legacy era learns in `initialize`. */
export const WITHOUT_MODERN: readonly Edit[] = [VERSION_META, CLIENT_INFO_META, CLIENT_CAPABILITIES_META, LOG_LEVEL_META].map((remove) => ({
  remove,
}));

export interface ModernMeta {
  /** JSON text. */
  readonly capabilities: string;
  /** JSON text. */
  readonly clientInfo: string;
  readonly logLevel: string | undefined;
}

/** Puts into `_meta` what a server of the modern era wants to know with each request. */
export function modernMeta({ capabilities, clientInfo, logLevel }: ModernMeta): readonly Edit[] {
  return [
    { set: VERSION_META, value: JSON.stringify(MODERN_VERSIONS[0]) },
    { set: CLIENT_INFO_META, value: clientInfo },
    { set: CLIENT_CAPABILITIES_META, value: capabilities },
    ...(logLevel === undefined ? [] : [{ set: LOG_LEVEL_META, value: JSON.stringify(logLevel) }]),
  ];
}

/** How the headers of a modern request are given to `callServer`. */
export interface ModernCall {
  readonly protocolVersion: string;
  readonly headers: readonly string[];
}

/**
 * @param body the request as it is sent
 * @param kept of the client's headers, what passes as it came
 */
export function modernCall(body: Buffer, kept: Readonly<Record<string, string>> = {}): ModernCall {
  const { 'mcp-protocol-version': protocolVersion = MODERN_VERSIONS[0], ...headers } = modernHeaders(readMessage(body, ANY_SIZE), kept);
  return { protocolVersion, headers: Object.entries(headers).flat() };
}

/** How a server of the modern era is asked for its tools. @param meta as of {@link modernMeta} */
export function modernTools(call: AskOptions, meta: readonly Edit[]): ToolsCall {
  return { ...call, sessionId: undefined, protocolVersion: MODERN_VERSIONS[0], meta, headersOf: (body) => modernCall(body).headers };
}

/** Results that say how long they may be kept. */
const CACHEABLE: ReadonlySet<string> = new Set([
  'tools/list',
  'prompts/list',
  'resources/list',
  'resources/templates/list',
  'resources/read',
]);

/**
 * A result as a modern client must get it. What a server of the legacy era did not say of its age is stale at once, and for one client alone.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/schema#cacheableresult
 */
export function toModernResult(method: string, result: Buffer): Buffer {
  const scan = scanObject(result, DEPTH);
  const edits: Edit[] = [];
  const need = (name: string, value: string): void => void (scan.has(name) || edits.push({ set: name, value }));
  need('resultType', '"complete"');
  if (CACHEABLE.has(method)) {
    need('ttlMs', '0');
    need('cacheScope', '"private"');
  }
  return editObject(scan, edits);
}

/** A result that not everybody may have: no cache may show it to another caller. */
export function toPrivate(method: string, result: Buffer): Buffer {
  if (!CACHEABLE.has(method)) return result;
  const scan = scanObject(result, DEPTH);
  return scan.string('cacheScope') === 'public' ? editObject(scan, [{ set: 'cacheScope', value: '"private"' }]) : result;
}

/** A result as clients of the legacy era know it. */
export function toLegacyResult(result: Buffer): Buffer {
  return editObject(scanObject(result, DEPTH), [{ remove: 'resultType' }]);
}

/** The code that 2025-11-25 has for a resource that is not there. */
const RESOURCE_NOT_FOUND = -32002;

/**
 * `error` of a server of the legacy era, for a modern client.
 * @see https://modelcontextprotocol.io/specification/2026-07-28/server/resources#error-handling
 */
export function toModernError(method: string, error: Buffer): Buffer {
  const scan = scanObject(error, DEPTH);
  if (method !== 'resources/read' || scan.number('code') !== RESOURCE_NOT_FOUND) return error;
  return editObject(scan, [{ set: 'code', value: String(INVALID_PARAMS) }]);
}

/** What a server asks the client for before it answers; undefined: the result is complete. */
export function inputRequired(result: JsonObjectScan): { readonly requestState: string | undefined } | undefined {
  return result.string('resultType') === 'input_required' ? { requestState: result.string('requestState') } : undefined;
}

/** Severities of log messages, the least first. @see https://www.rfc-editor.org/rfc/rfc5424#section-6.2.1 */
export const LEVELS: readonly string[] = ['debug', 'info', 'notice', 'warning', 'error', 'critical', 'alert', 'emergency'];

/** Whether a modern client that asked for a level gets a message of another one. Who asked for none gets none. */
export function isLogged(wanted: string | undefined, level: string | undefined): boolean {
  return wanted !== undefined && LEVELS.indexOf(level ?? '') >= LEVELS.indexOf(wanted);
}

export function message(bytes: Buffer): RpcMessage {
  return readMessage(bytes, { ...DEPTH, ...ANY_SIZE });
}
