import type { ApiEndpoint, BackendApi } from '../read/endpoints.ts';
import { OPERATIONS, type OperationWire } from './operations.ts';
import { type Wire, WIRES } from './wire.ts';

/** How a backend serves an endpoint: as the client says it, with the path below the prefix of its schema; or in its API's own way. */
export type Way =
  | { readonly how: 'pass'; readonly below: string }
  | { readonly how: 'conversation'; readonly wire: Wire }
  | { readonly how: 'operation'; readonly wire: OperationWire };

/** @returns undefined where it cannot */
export function wayOf(endpoint: ApiEndpoint, api: BackendApi): Way | undefined {
  const known = KNOWN.get(endpoint) ?? new Map<BackendApi, Way | undefined>();
  if (known.size === 0) KNOWN.set(endpoint, known);
  if (!known.has(api)) known.set(api, lookUp(endpoint, api));
  return known.get(api);
}

/** The tables do not change. */
const KNOWN = new WeakMap<ApiEndpoint, Map<BackendApi, Way | undefined>>();

function lookUp(endpoint: ApiEndpoint, api: BackendApi): Way | undefined {
  const below = endpoint.upstream[api];
  if (below !== undefined) return { how: 'pass', below };
  if (endpoint.conversation !== undefined) {
    const wire = WIRES[api];
    return wire === undefined ? undefined : { how: 'conversation', wire };
  }
  const wire = OPERATIONS[endpoint.operation]?.[api];
  return wire === undefined ? undefined : { how: 'operation', wire };
}

export function serves(endpoint: ApiEndpoint, api: BackendApi): boolean {
  return wayOf(endpoint, api) !== undefined;
}
