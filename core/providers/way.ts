import { ENDPOINTS, type ApiEndpoint } from '../read/endpoints.ts';
import { OPERATIONS, type OperationWire } from './operations.ts';
import type { Schema } from './target.ts';
import { type Wire, WIRES } from './wire.ts';

/** How a backend serves an endpoint: as the client says it, with the path below the prefix of its schema; or in its API's own way. */
export type Way =
  | { readonly how: 'pass'; readonly below: string }
  | { readonly how: 'conversation'; readonly wire: Wire }
  | { readonly how: 'operation'; readonly wire: OperationWire };

/** Both do not change while a configuration serves. */
const KNOWN = new WeakMap<Schema, Map<ApiEndpoint, Way | undefined>>();

/** @returns undefined where it cannot */
export function wayOf(endpoint: ApiEndpoint, schema: Schema): Way | undefined {
  let known = KNOWN.get(schema);
  if (known === undefined) KNOWN.set(schema, (known = new Map()));
  if (!known.has(endpoint)) known.set(endpoint, lookUp(endpoint, schema));
  return known.get(endpoint);
}

export function serves(endpoint: ApiEndpoint, schema: Schema): boolean {
  return wayOf(endpoint, schema) !== undefined;
}

function lookUp({ operation, upstream, conversation }: ApiEndpoint, { name, lacks }: Schema): Way | undefined {
  const below = upstream[name];
  if (below !== undefined && lacks?.has(operation) !== true) return { how: 'pass', below };
  if (conversation !== undefined) {
    const wire = WIRES[name]?.find(({ dialect }) => lacks?.has(operationOf(dialect)) !== true);
    return wire === undefined ? undefined : { how: 'conversation', wire };
  }
  const wire = OPERATIONS[operation]?.[name];
  return wire === undefined || (wire.asks !== undefined && lacks?.has(wire.asks) === true) ? undefined : { how: 'operation', wire };
}

/** What a conversation in a dialect is called; empty where no client speaks it. */
function operationOf(dialect: Wire['dialect']): string {
  return ENDPOINTS.find(({ conversation }) => conversation === dialect)?.operation ?? '';
}
