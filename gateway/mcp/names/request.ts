import { type Edit, editObject } from '#core/json/edit';
import { type JsonObjectScan, scanObject } from '#core/json/scan';
import { hasLookalike, paramsOf, type RpcMessage } from '../wire/message.ts';
import type { Method } from '../wire/methods.ts';
import { invalidParams, shown } from '../wire/rpc-error.ts';
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
