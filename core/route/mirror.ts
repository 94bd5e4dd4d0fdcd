import type { Serving } from '../attempt/backend.ts';
import type { HTTPRoute } from '../resources/gateway-api/http-route.ts';
import type { HTTPRequestMirror, HTTPRouteFilter } from '../resources/gateway-api/http-route-filter.ts';

import { endpointsOf, originsOf } from './origins.ts';
import type { Scope } from './scope.ts';
import type { Traffic } from './traffic.ts';

/** Copies of requests that one mirror may have under way: a mirror that answers nothing must not fill the memory. */
const MOST_AT_ONCE = 100;

/** A place that copies of a rule's requests go to (Gateway API, HTTPRequestMirrorFilter). */
export class Mirror {
  readonly backend: Serving;
  readonly #share: number;
  #phase = Math.random();

  /** @param share of the requests, from 0 to 1 */
  constructor(backend: Serving, share: number) {
    this.backend = backend;
    this.#share = share;
  }

  /**
   * Whether the request at hand is one of those. The share is met within a few requests, without a period that traffic could have as well
   * (multiples of the golden ratio, whose fractions spread evenly).
   */
  takes(): boolean {
    this.#phase = (this.#phase + GOLDEN) % 1;
    return this.#phase < this.#share;
  }
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** The mirrors of a rule. One that leads nowhere is reported, and left out. */
export function mirrorsOf(
  filters: readonly HTTPRouteFilter[],
  path: string,
  { route, traffic, scope }: { readonly route: HTTPRoute; readonly traffic: Traffic; readonly scope: Scope },
): readonly Mirror[] {
  return filters.flatMap((filter, index) => {
    if (filter.type !== 'RequestMirror') return [];
    const { backendRef } = filter.requestMirror;
    const origins = originsOf(backendRef, route, `${path}[${index}].requestMirror.backendRef`, scope);
    if (origins === undefined || origins.origins.length === 0) return [];
    // Connections of its own: what the mirror is slow with, the backends of requests do not wait for.
    const connections = { ...traffic.connections, maxConnections: Math.min(traffic.connections.maxConnections, MOST_AT_ONCE) };
    const limits = { ...traffic.limits, maxParallelRequests: Math.min(traffic.limits.maxParallelRequests, MOST_AT_ONCE) };
    const { balance, check } = traffic;
    const definition = { name: origins.name, endpoints: endpointsOf(origins, connections, scope), limits, balance, check };
    const key = JSON.stringify(['RequestMirror', origins, connections, limits, balance, check]);
    return [new Mirror(scope.backend(definition, key), shareOf(filter.requestMirror))];
  });
}

function shareOf({ percent, fraction }: HTTPRequestMirror): number {
  if (fraction !== undefined) return fraction.numerator / fraction.denominator;
  return percent === undefined ? 1 : percent / 100;
}
