import { OpenInferenceSpanKind } from '@arizeai/openinference-semantic-conventions';

import type { Identity } from '#core/identify/identity';
import type { Rule } from '#core/route/rule';
import type { GatewayRequest } from '#core/serve/request';
import { operationSpan } from '#core/telemetry/openinference/operations';

/** A model call that has a span which counts. */
export interface TracedCall {
  readonly traceId: string;
  readonly spanId: string;
  /** Undefined: nobody was asked who he is. */
  readonly clientId: string | undefined;
  /** As the span's `tierkit.route`: of a rule, and not the rule itself, as a reload makes new ones. */
  readonly route: string;
}

/** Calls that are remembered. */
const MOST_CALLS = 10_000;
/** A token can name its subject at any length: such a call is not remembered, and Phoenix is asked. */
const MOST_CHARACTERS = 256;

/** The last model calls that this process answered and told of: which span is whose. The oldest go first. */
export class TracedCalls {
  readonly #calls = new Map<string, TracedCall>();
  readonly #most: number;

  constructor(most = MOST_CALLS) {
    this.#most = most;
  }

  get size(): number {
    return this.#calls.size;
  }

  /** Takes a request that is over. Where a client gives one id to several requests, the last one counts. */
  add({ id, traceId, trace, endpoint, rule, identity: { clientId } }: GatewayRequest): void {
    // Without an id nothing is exported. What another's span counts, or only counts tokens, is no model call of ours.
    if (traceId === undefined || trace?.counts !== true || rule === undefined) return;
    if (endpoint === undefined || operationSpan(endpoint.operation).kind === OpenInferenceSpanKind.CHAIN) return;
    if (clientId !== undefined && clientId.length > MOST_CHARACTERS) return;
    const key = keyOf(id, clientId);
    this.#calls.delete(key);
    this.#calls.set(key, { traceId, spanId: trace.spanId, clientId, route: routeOf(rule) });
    if (this.#calls.size > this.#most) this.#calls.delete(this.#calls.keys().next().value!);
  }

  get(id: string, clientId: Identity['clientId']): TracedCall | undefined {
    return this.#calls.get(keyOf(id, clientId));
  }
}

/** No id of a request has a space in it. */
function keyOf(id: string, clientId: string | undefined): string {
  return clientId === undefined ? id : `${id} ${clientId}`;
}

/** A rule as spans name it. */
export function routeOf({ route: { namespace, name }, name: ruleName, index }: Rule): string {
  return `${namespace}/${name}/rule/${ruleName ?? index}`;
}
