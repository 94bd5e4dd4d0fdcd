import { type Edit, editObject } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';
import { hasLookalike, paramsOf, type RpcMessage } from '../wire/message.ts';
import type { Method } from '../wire/methods.ts';
import { invalidParams, type RpcError, shown } from '../wire/rpc-error.ts';
import type { Naming, Owned } from './naming.ts';

const REF: ReadonlySet<string> = new Set(['type', 'name', 'uri']);

/** What a request is about. */
export interface Target extends Owned {
  /** Changes of `params` that put it into the server's words; for `edit` of wire/message.ts. */
  readonly edits: readonly Edit[];
}

/**
 * Whose tool, prompt or resource a client's request is about; undefined for methods that name none, or a task.
 *
 * @throws RpcError -32602 where the request names nothing, or nothing that any server has
 */
export function targetOf(message: RpcMessage, { subject }: Method, naming: Naming): Target | undefined {
  if (subject === undefined || subject === 'params.taskId') return undefined;
  const { id } = message;
  const params = paramsOf(message);
  if (subject === 'params.ref') {
    const ref = params?.type('ref') === 'object' ? scanObject(params.slice('ref')!, { maxDepth: params.maxDepth - 1 }) : undefined;
    if (ref === undefined) throw invalidParams('Invalid params: ref must be an object', { id });
    if (ref.duplicates.length > 0) throw invalidParams('Invalid params: a member of ref occurs twice', { id });
    if (hasLookalike(ref, REF)) throw invalidParams('Invalid params: a member of ref differs from one of MCP only by case', { id });
    const { edits, ...owned } = named(ref, ref.string('type') === 'ref/resource' ? 'uri' : 'name', naming, id);
    return { ...owned, edits: edits.length === 0 ? [] : [{ set: 'ref', value: editObject(ref, edits) }] };
  }
  return named(params, subject === 'params.uri' ? 'uri' : 'name', naming, id);
}

function named(part: JsonObjectScan | undefined, member: 'name' | 'uri', naming: Naming, id: string | undefined): Target {
  const text = part?.string(member);
  if (text === undefined) throw invalidParams(`Invalid params: ${member} must be a string`, { id });
  const owned = member === 'uri' ? naming.uriToServer(text) : naming.toServer(text);
  if (owned === undefined) throw invalidParams(`Unknown ${member}: ${shown(text)}`, { id });
  return { ...owned, edits: owned.name === text ? [] : [{ set: member, value: JSON.stringify(owned.name) }] };
}

/**
 * Changes of `params` of `subscriptions/listen` for each server: the client's filter, with the resources that are the server's own.
 * A resource that no server has is left out, which the acknowledgement tells the client.
 *
 * @throws RpcError -32602 where the filter is no object, or its resources are no list of strings
 */
export function listenEdits(message: RpcMessage, servers: readonly string[], naming: Naming): ReadonlyMap<string, readonly Edit[]> {
  const { id } = message;
  const refuse = (why: string): RpcError => invalidParams(`Invalid params: ${why}`, { id });
  const params = paramsOf(message);
  if (params?.type('notifications') !== 'object') throw refuse('notifications must be an object');
  const filter = scanObject(params.slice('notifications')!, { maxDepth: params.maxDepth - 1 });
  if (filter.duplicates.length > 0) throw refuse('a member of notifications occurs twice');
  if (naming.kind === 'passthrough' || !filter.has('resourceSubscriptions')) return new Map(servers.map((server) => [server, []]));
  const uris = filter.parse('resourceSubscriptions');
  if (!isTexts(uris)) throw refuse('resourceSubscriptions must be a list of strings');
  const owned = uris.flatMap((uri) => naming.uriToServer(uri) ?? []);
  return new Map(servers.map((server) => [server, [{ set: 'notifications', value: filterFor(server, filter, owned) }]]));
}

function filterFor(server: string, filter: JsonObjectScan, owned: readonly Owned[]): Buffer {
  const uris = owned.filter((one) => one.server === server).map(({ name }) => name);
  return editObject(filter, [
    uris.length === 0 ? { remove: 'resourceSubscriptions' } : { set: 'resourceSubscriptions', value: JSON.stringify(uris) },
  ]);
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
