import type { IncomingHttpHeaders } from 'node:http';

import type { Credential } from './credential.ts';

/** What a credential puts on a request of some client, flat. */
export function authorized(credential: Credential | undefined, client: IncomingHttpHeaders = {}): readonly string[] | undefined {
  const outbound = { method: 'POST', path: '/', headers: [], body: null };
  return credential?.authorize(outbound, client).headers;
}
