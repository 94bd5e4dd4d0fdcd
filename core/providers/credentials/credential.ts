import type { IncomingHttpHeaders } from 'node:http';

import type { Outbound } from '../../attempt/call.ts';
import { removeHeaders } from '../../http/headers.ts';
import type { RefreshState } from './refreshed.ts';

/** What a backend's credential puts on a request. Only requests to that backend's own origins ever get it. */
export interface Credential {
  /**
   * Puts the credential on a request of which nothing changes any more. Earlier headers of the same names go.
   * @throws GatewayError TK_CREDENTIAL_MISSING: it is the client's to bring; TK_UPSTREAM_CREDENTIAL: none can be had now
   */
  authorize(outbound: Outbound, client: IncomingHttpHeaders): Outbound;
  /** Whether it came from the client: then the backend's opinion of it is the client's to see. */
  isClients(client: IncomingHttpHeaders): boolean;
  /** When the configured secret ends, where it says so itself, as a JWT does: Unix seconds. One that is fetched is fetched again. */
  readonly expiresAt: number | undefined;
  /** Whether a text contains the configured secret, or what was fetched with it. */
  leaks(text: Buffer): boolean;
  /** Of one that is fetched. */
  state?(): RefreshState;
  /** Takes the `date` of an answer that refused the credential: a signature holds only while both clocks agree. */
  noteDate?(date: string | undefined, nowMs: number): void;
  /** Where Bedrock is called. */
  readonly aws?: { readonly region: string };
  /** What stands in the paths of Vertex AI. */
  readonly gcp?: { readonly project: string; readonly region: string };
}

/** The request with these headers instead of those that have their names. @param added flat, names in lower case */
export function withHeaders(outbound: Outbound, added: readonly string[], alsoWithout: ReadonlySet<string> = NONE): Outbound {
  const { headers } = outbound;
  removeHeaders(headers, (written) => {
    const name = written.toLowerCase();
    return alsoWithout.has(name) || isNamed(added, name);
  });
  headers.push(...added);
  return outbound;
}

const NONE: ReadonlySet<string> = new Set();

function isNamed(flat: readonly string[], name: string): boolean {
  for (let at = 0; at < flat.length; at += 2) if (flat[at] === name) return true;
  return false;
}

/** Whether one of the secrets stands in a text. */
export function holds(text: Buffer, secrets: readonly string[]): boolean {
  return secrets.some((secret) => secret !== '' && text.includes(secret));
}
