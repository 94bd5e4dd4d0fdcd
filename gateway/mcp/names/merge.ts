import { isObject } from '#core/is-object';
import { type Edit, editObject } from '#core/json/edit';
import { type JsonObjectScan, JsonSyntaxError, scanObject } from '#core/json/scan';
import type { ListMember } from '../wire/methods.ts';
import { unacceptableAnswer } from '../wire/rpc-error.ts';
import { LEGACY_VERSIONS, isLegacyVersion, SUPPORTED_VERSIONS } from '../wire/versions.ts';

/** Names the servers that are missing from a list. In `_meta`, where every client lets it pass. */
export const PARTIAL_META = 'tierkit.dev/partial';
/** Says who made one server's result: true of no merged one. */
const SERVER_INFO_META = 'io.modelcontextprotocol/serverInfo';

/** What one server answered, already in the client's words. */
export interface ServerResult {
  readonly server: string;
  readonly result: Buffer;
}

export interface MergeOptions {
  /** Servers that did not answer in time, in the order of the route. */
  readonly missing?: readonly string[];
  /** The cursor that leads to the next page of all servers; none where there is no more. */
  readonly nextCursor?: string | undefined;
}

/**
 * One list of several servers' lists, in the order in which they are given. Entries keep their bytes. Of other members and of
 * `_meta` the first server's value counts.
 *
 * A merged list is fresh no longer than each of its parts, and private if one is; a part that does not say is stale at once, and
 * private. If none says (legacy servers), nor does the list. A partial list is stale at once, so that clients ask again.
 *
 * @returns the only server's own bytes when nothing changes
 * @throws RpcError -32603 where a result is no object or has no such list
 * @see https://modelcontextprotocol.io/specification/2026-07-28/schema#cacheableresult
 */
export function mergeLists(list: ListMember, parts: readonly ServerResult[], { missing = [], nextCursor }: MergeOptions = {}): Buffer {
  const scans = parts.map((part) => scanPart(part, list));
  const first = scans[0] ?? scanObject(Buffer.from(`{"${list}":[]}`));
  const edits: Edit[] = [];
  if (scans.length > 1) {
    edits.push({ set: list, value: joinArrays(scans.map((scan) => scan.slice(list)!)) });
    for (const scan of scans.slice(1)) {
      for (const { name } of scan.members) {
        if (!first.has(name) && !edits.some((edit) => 'set' in edit && edit.set === name))
          edits.push({ set: name, value: scan.slice(name)! });
      }
    }
  }
  edits.push(...cacheEdits(scans, missing.length > 0));
  if (nextCursor !== undefined) edits.push({ set: 'nextCursor', value: JSON.stringify(nextCursor) });
  else if (scans.some((scan) => scan.has('nextCursor'))) edits.push({ remove: 'nextCursor' });
  const meta = mergeMeta(scans, missing);
  if (meta !== undefined) edits.push({ set: '_meta', value: meta });
  try {
    return editObject(first, edits);
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw unacceptableAnswer(parts[0]?.server ?? '', error.message);
    throw error;
  }
}

function scanPart({ server, result }: ServerResult, list: ListMember): JsonObjectScan {
  try {
    const scan = scanObject(result);
    if (scan.type(list) !== 'array') throw unacceptableAnswer(server, `it has no "${list}"`);
    if (scan.duplicates.length > 0) throw unacceptableAnswer(server, 'a member of the result occurs twice');
    return scan;
  } catch (error) {
    throw error instanceof JsonSyntaxError ? unacceptableAnswer(server, error.message) : error;
  }
}

function joinArrays(arrays: readonly Buffer[]): Buffer {
  const pieces: Buffer[] = [];
  for (const array of arrays) {
    const inner = array.subarray(1, -1);
    if (inner.every(isSpace)) continue;
    pieces.push(Buffer.from(pieces.length === 0 ? '[' : ','), inner);
  }
  return Buffer.concat([...(pieces.length === 0 ? [Buffer.from('[')] : pieces), Buffer.from(']')]);
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}

function cacheEdits(scans: readonly JsonObjectScan[], isPartial: boolean): Edit[] {
  const edits: Edit[] = [];
  const saysTtl = scans.some((scan) => scan.has('ttlMs'));
  if (saysTtl && (scans.length > 1 || isPartial)) {
    edits.push({ set: 'ttlMs', value: String(isPartial ? 0 : Math.min(...scans.map(ttlOf))) });
  }
  if (scans.length > 1 && scans.some((scan) => scan.has('cacheScope'))) {
    const isPublic = scans.every((scan) => scan.string('cacheScope') === 'public');
    edits.push({ set: 'cacheScope', value: isPublic ? '"public"' : '"private"' });
  }
  return edits;
}

function ttlOf(scan: JsonObjectScan): number {
  const ttl = scan.number('ttlMs');
  return ttl !== undefined && Number.isFinite(ttl) && ttl > 0 ? ttl : 0;
}

function mergeMeta(scans: readonly JsonObjectScan[], missing: readonly string[]): Buffer | undefined {
  if (scans.length < 2 && missing.length === 0) return undefined;
  const metas = scans.filter((scan) => scan.type('_meta') === 'object').map((scan) => scanObject(scan.slice('_meta')!));
  if (metas.length === 0 && missing.length === 0) return undefined;
  const first = metas[0] ?? scanObject(Buffer.from('{}'));
  const edits: Edit[] = [];
  const seen = new Set(first.members.map(({ name }) => name));
  for (const meta of metas.slice(1)) {
    for (const { name } of meta.members) {
      if (seen.has(name)) continue;
      seen.add(name);
      edits.push({ set: name, value: meta.slice(name)! });
    }
  }
  if (scans.length > 1) edits.push({ remove: SERVER_INFO_META });
  // A server cannot say who is missing from a list that it does not know.
  edits.push(missing.length > 0 ? { set: PARTIAL_META, value: JSON.stringify(missing) } : { remove: PARTIAL_META });
  return editObject(first, edits);
}

type Json = Readonly<Record<string, unknown>>;

/** What one server said in `initialize` or `server/discover`, parsed. */
export interface ServerHello {
  readonly server: string;
  readonly capabilities?: unknown;
  readonly instructions?: unknown;
}

/**
 * What at least one server can. Objects are joined member by member; a flag is true if one is; of other values the first
 * server's counts.
 */
export function mergeCapabilities(hellos: readonly ServerHello[]): Json {
  return hellos.map(({ capabilities }) => (isObject(capabilities) ? capabilities : {})).reduce<Json>(joined, {});
}

function joined(one: Json, other: Json): Json {
  // Without a prototype: a server may well call a capability `__proto__`.
  const result = Object.assign(Object.create(null) as Record<string, unknown>, one);
  for (const [name, value] of Object.entries(other)) {
    const present = result[name];
    if (isObject(value)) result[name] = joined(isObject(present) ? present : {}, value);
    else if (present === undefined || (typeof present === 'boolean' && value === true)) result[name] = value;
  }
  return result;
}

/** The only server's instructions as they are, or each server's under its name. */
export function mergeInstructions(hellos: readonly ServerHello[]): string | undefined {
  const said = hellos.flatMap(({ server, instructions }) =>
    typeof instructions === 'string' && instructions !== '' ? [{ server, instructions }] : [],
  );
  if (said.length === 0) return undefined;
  if (hellos.length === 1) return said[0]!.instructions;
  return said.map(({ server, instructions }) => `# ${server}\n\n${instructions}`).join('\n\n');
}

export interface Implementation {
  readonly name: string;
  readonly version: string;
}

/**
 * The revision of a session: what the client asked for where it is spoken, or else the newest one with sessions, which the client
 * may refuse.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic/lifecycle#version-negotiation
 */
export function negotiatedVersion(requested: string): string {
  return isLegacyVersion(requested) ? requested : LEGACY_VERSIONS[0];
}

/** The result of `initialize` for all servers. */
export function mergeInitialize(
  hellos: readonly ServerHello[],
  {
    requested,
    serverInfo,
    missing = [],
  }: { readonly requested: string; readonly serverInfo: Implementation; readonly missing?: readonly string[] },
): Json {
  const instructions = mergeInstructions(hellos);
  return {
    protocolVersion: negotiatedVersion(requested),
    capabilities: mergeCapabilities(hellos),
    serverInfo,
    ...(instructions !== undefined && { instructions }),
    ...(missing.length > 0 && { _meta: { [PARTIAL_META]: missing } }),
  };
}

/** The result of `server/discover` for all servers. What a caller sees depends on who it is, so it is private. */
export function mergeDiscover(
  hellos: readonly ServerHello[],
  {
    serverInfo,
    ttlMs,
    missing = [],
  }: { readonly serverInfo: Implementation; readonly ttlMs: number; readonly missing?: readonly string[] },
): Json {
  const instructions = mergeInstructions(hellos);
  return {
    resultType: 'complete',
    supportedVersions: SUPPORTED_VERSIONS,
    capabilities: mergeCapabilities(hellos),
    ...(instructions !== undefined && { instructions }),
    ttlMs: missing.length > 0 ? 0 : ttlMs,
    cacheScope: 'private',
    _meta: { [SERVER_INFO_META]: serverInfo, ...(missing.length > 0 && { [PARTIAL_META]: missing }) },
  };
}
