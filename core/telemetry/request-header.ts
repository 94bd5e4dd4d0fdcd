import type { IncomingHttpHeaders } from 'node:http';

import type { Identity, Security } from '../identify/identity.ts';

/** What is looked at of a request. */
export interface HeaderSource {
  readonly headers: IncomingHttpHeaders;
  readonly identity: Pick<Identity, 'headers'>;
  readonly rule: { readonly security: Pick<Security, 'sets'> | undefined } | undefined;
}

/** The word of the policy that sets the header; else, where none does, the client's. @param name in lower case */
export function headerOf({ headers, identity, rule }: HeaderSource, name: string): string | undefined {
  const set = identity.headers;
  for (let at = 0; at < set.length; at += 2) if (set[at] === name) return set[at + 1];
  if (rule?.security?.sets.has(name) === true) return undefined;
  const value = headers[name];
  return typeof value === 'string' ? value : value?.join(', ');
}
