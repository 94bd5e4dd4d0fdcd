import type { IncomingHttpHeaders } from 'node:http';

import { GatewayError } from '../../errors.ts';
import { isKey } from './sendable-key.ts';

/** Where the client's own credential stands (`credentialOverride.fromRequestHeaders`). */
export interface Override {
  /** Request headers, in lower case; empty: the client has none to bring. */
  readonly headers: readonly string[];
  /** Whether the configured credential is used where the client brings none. */
  readonly fallback: boolean;
}

/** The client's own key. @returns undefined where the configured one is to be used @throws GatewayError TK_CREDENTIAL_MISSING */
export function clientKey({ headers: [header], fallback }: Override, client: IncomingHttpHeaders): string | undefined {
  if (header === undefined) return undefined;
  const value = valueOf(header, client);
  if (value !== undefined) return value;
  if (fallback) return undefined;
  throw missing([header]);
}

export function bringsKey({ headers: [header] }: Override, client: IncomingHttpHeaders): boolean {
  return header !== undefined && valueOf(header, client) !== undefined;
}

/** @throws GatewayError TK_CREDENTIAL_MISSING where it is no key */
export function valueOf(header: string, client: IncomingHttpHeaders): string | undefined {
  const value = client[header];
  if (typeof value !== 'string' || value === '') return undefined;
  const key = header === 'authorization' ? value.replace(/^Bearer\s+/i, '') : value;
  if (!isKey(key)) throw new GatewayError('TK_CREDENTIAL_MISSING', `the header ${header} holds no key`);
  return key;
}

export function missing(headers: readonly string[]): GatewayError {
  const where = headers.length === 1 ? `the header ${headers[0]}` : `the headers ${headers.join(' and ')}`;
  return new GatewayError('TK_CREDENTIAL_MISSING', `missing upstream credential: send it in ${where}`);
}
