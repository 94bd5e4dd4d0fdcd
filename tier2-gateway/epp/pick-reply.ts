import { inSubset, parseEndpoint } from './endpoints.ts';
import { toMutation } from './header-edit.ts';
import type { Header } from './header-edit.ts';
import type { CommonResponse, HeaderMutation } from './messages.ts';
import { DESTINATION, DESTINATION_SCORES, LB_NAMESPACE, SUBSET } from './names.ts';
import type { PickAnswer } from './served-pick.ts';
import { structMember, toStruct } from './struct.ts';
import type { Struct } from './struct.ts';

/** A pick as it goes over the wire. */
export interface AnsweredPick {
  readonly headers: HeaderMutation;
  readonly metadata: Struct;
  readonly body: Buffer | undefined;
}

/** @param aliases old names of headers, which no model server shall see */
export function pickReply(
  picked: Exclude<PickAnswer, { immediate: unknown }>,
  endpoints: readonly string[],
  aliases: readonly string[],
): AnsweredPick {
  const destination = endpoints.join(',');
  const set: Header[] = [[DESTINATION, destination], ...(picked.setHeaders ?? [])];
  if (picked.body !== undefined) set.push(['content-length', String(picked.body.length)]);
  const scores = picked.scores === undefined ? {} : { [DESTINATION_SCORES]: { ...picked.scores } };
  return {
    headers: toMutation(set, [...aliases, ...(picked.removeHeaders ?? [])]),
    metadata: toStruct({ [LB_NAMESPACE]: { [DESTINATION]: destination, ...scores } }),
    body: picked.body,
  };
}

/** The route is chosen anew, since it may depend on the headers that are set. */
export function withBody(pick: AnsweredPick, body: Buffer | undefined): CommonResponse {
  return { headerMutation: pick.headers, clearRouteCache: true, ...(body === undefined ? {} : { bodyMutation: { body } }) };
}

/** What a picker named: in their plain form, each once, within the subset; and what is no `ip:port`. */
export function usable(named: readonly string[], subset: readonly string[] | undefined): { endpoints: string[]; invalid: string[] } {
  const invalid = named.filter((text) => parseEndpoint(text) === undefined);
  const endpoints = [...new Set(named.map(parseEndpoint))].filter((endpoint): endpoint is string => {
    return endpoint !== undefined && (subset === undefined || inSubset(endpoint, subset));
  });
  return { endpoints, invalid };
}

/** The hint is a list, or a string with commas as older gateways send; an entry that is no string is not an endpoint. */
export function readSubset(hint: Struct | undefined): string[] | undefined {
  const value = structMember(hint, SUBSET);
  if (value === undefined) return undefined;
  const entries = typeof value === 'string' ? value.split(',') : Array.isArray(value) ? (value as readonly unknown[]) : [];
  return entries.filter((entry): entry is string => typeof entry === 'string' && entry.trim() !== '').map((entry) => entry.trim());
}
