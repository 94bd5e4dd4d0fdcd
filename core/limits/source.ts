import { isCredential } from '../http/headers.ts';
import { parseAddress } from '../identify/cidr.ts';
import type { Security } from '../identify/identity.ts';
import { headerValue } from '../identify/places.ts';
import { MODEL_HEADERS } from '../resources/envoy-gateway/client-selector.ts';
import type { LimitedRequest } from './rule.ts';

/** Which headers and parameters are the SecurityPolicy's own. */
export type Owner = Pick<Security, 'name' | 'owned' | 'sets' | 'ownedParams'>;

/**
 * Where a limit reads a value of a request, after identification: what a policy sets wins over what the client sent, and stands in for it
 * where the policy says nothing. The place of a credential that the policy checks gives the id of the client that was identified: the
 * credential itself is nobody's to count, and of several places only one was looked at.
 */
export interface Source {
  readonly from: 'header' | 'param' | 'policy' | 'client' | 'model' | 'address';
  readonly name: string;
  /** Whether a value must not be seen in the name of a count. */
  readonly secret: boolean;
}

export const ADDRESS: Source = Object.freeze({ from: 'address', name: '', secret: false });

export function headerSource(name: string, owner: Owner | undefined): Source {
  const lower = name.toLowerCase();
  const from = MODEL_HEADERS.has(lower)
    ? 'model'
    : owner?.sets.has(lower) === true
      ? 'policy'
      : owner?.owned.has(lower) === true
        ? 'client'
        : 'header';
  return Object.freeze({ from, name: lower, secret: from === 'header' && isCredential(lower) });
}

/** Parameters have no names that all providers agree on. */
const SECRET_PARAM = /key|token|secret|password|auth|code/i;

export function paramSource(name: string, owner: Owner | undefined): Source {
  const from = owner?.ownedParams.has(name) === true ? 'client' : 'param';
  return Object.freeze({ from, name, secret: from === 'param' && SECRET_PARAM.test(name) });
}

/** @returns undefined where the request has no such value */
export function valueOf({ from, name }: Source, request: LimitedRequest): string | undefined {
  switch (from) {
    case 'header':
      return headerValue(request.headers[name]);
    case 'policy':
      return policyValue(name, request.identity.headers);
    case 'client':
      // A token need not say whose it is: then all that do not are one.
      return request.identity.clientId ?? (request.identity.token === undefined ? undefined : '');
    case 'model':
      return request.model;
    case 'param':
      return request.query.length < 2 ? undefined : (new URLSearchParams(request.query).get(name) ?? undefined);
    case 'address':
      return oneSpelling(request.address);
  }
}

function policyValue(name: string, headers: readonly string[]): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return headers[at + 1];
  return undefined;
}

/** An IPv6 address can be written in many ways, and is one client in all of them. */
function oneSpelling(address: string): string {
  if (!address.includes(':')) return address;
  const words = parseAddress(address);
  if (words === undefined) return address;
  if (words.length === 1) return address.slice(address.lastIndexOf(':') + 1);
  return words.map((word) => `${(word >>> 16).toString(16)}:${(word & 0xffff).toString(16)}`).join(':');
}
