import { GatewayError } from '../errors.ts';
import { ANYONE, type Caller, type Identity, type Security } from '../identify/identity.ts';
import type { MatchIndex } from '../route/table.ts';
import type { GatewayRequest } from './request.ts';

/** Who a caller is to each policy of a host, or why the policy turns him away; under `undefined`, where a route asks nobody. */
export type Callers = ReadonlyMap<Security | undefined, Identity | GatewayError>;

/** A request to an endpoint that a tier answers by itself. */
export interface OwnRequest {
  readonly request: GatewayRequest;
  readonly index: MatchIndex;
  readonly callers: Callers;
}

/** @returns the answer, as JSON. @throws GatewayError */
export type OwnAnswer = (asked: OwnRequest) => Promise<object>;

/**
 * Asks the policy of every route to a model API that the host has: what is not of one route is for those whom any of them lets in.
 * @param known policies that have said already who calls
 * @throws GatewayError TK_UNAUTHENTICATED, TK_FORBIDDEN when every policy turns the caller away
 */
export async function callersOf(index: MatchIndex, caller: Caller, known: Callers): Promise<Callers> {
  const callers = new Map(known);
  let refusal: GatewayError | undefined;
  for (const rule of index.rules()) {
    const { security } = rule;
    if (callers.has(security) || !(rule.ai || rule.pooled)) continue;
    try {
      callers.set(security, security === undefined ? ANYONE : await security.identify(caller));
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error;
      callers.set(security, error);
      refusal ??= error;
    }
  }
  if (refusal !== undefined && callers.values().every((answer) => answer instanceof GatewayError)) throw refusal;
  return callers;
}
