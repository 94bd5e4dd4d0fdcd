import { hash, timingSafeEqual } from 'node:crypto';

import { GatewayError } from '../errors.ts';
import type { Report } from '../resources/kind.ts';

import type { Caller, SecuritySources } from './identity.ts';
import { credentialAt, describePlaces, type Place } from './places.ts';
import type { ApiKeyAuth } from './policy.ts';
import { policyHeader } from './set-headers.ts';

/** Compiled `apiKeyAuth`. */
export interface ApiKeys {
  readonly places: readonly Place[];
  /** `forwardClientIDHeader` in lower case. */
  readonly clientHeader: string | undefined;
  /** Whether backends of ordinary routes must not see the key either. */
  readonly sanitize: boolean;
  /**
   * The id of the client whose key the request carries.
   * @throws GatewayError TK_UNAUTHENTICATED
   */
  clientOf(caller: Caller): string;
}

interface Client {
  readonly id: string;
  /** SHA-256 of the whole key. */
  readonly digest: Buffer;
}

// A key that no header, parameter and cookie can carry alike would never be accepted.
const SENDABLE = /^[\u0021-\u007e]+$/;
/** What an unknown key is compared with, so that it takes the same steps as a known one. */
const NOBODY = Buffer.alloc(32);

/**
 * Compiles `apiKeyAuth` (CRD SecurityPolicy): each key of a Secret is a client's id, its value is the API key. A client id that stands
 * in several Secrets keeps the key of the first. The keys themselves are not kept, only their digests.
 */
export function compileApiKeys(spec: ApiKeyAuth, sources: SecuritySources, path: string, report: Report): ApiKeys {
  const clients = new Map<string, Client>();
  const ids = new Set<string>();
  for (const [index, reference] of spec.credentialRefs.entries()) {
    const at = `${path}.credentialRefs[${index}]`;
    const secret = sources.secret(reference, at);
    if (secret === undefined) continue;
    if (secret.size === 0) report(at, `Secret ${reference.name} has no API key in it`);
    for (const [id, value] of secret) {
      if (ids.has(id)) continue;
      ids.add(id);
      addClient(clients, id, value, (problem) => report(at, `Secret ${reference.name}, key ${id}: ${problem}`));
    }
  }
  const places = placesOf(spec, path, report);
  const clientHeader =
    spec.forwardClientIDHeader === undefined
      ? undefined
      : policyHeader(spec.forwardClientIDHeader, `${path}.forwardClientIDHeader`, report);
  const wanted = describePlaces(places);
  // An API key is no authentication scheme, except where it comes as a bearer token (RFC 6750).
  const headers: Record<string, string> = places.some((place) => place.in === 'header' && place.name === 'authorization')
    ? { 'www-authenticate': 'Bearer' }
    : {};

  return {
    places,
    clientHeader,
    sanitize: spec.sanitize === true,
    clientOf(caller) {
      const key = credentialAt(places, caller);
      if (key === undefined) throw new GatewayError('TK_UNAUTHENTICATED', `no API key: send it as ${wanted}`, { headers });
      const digest = hash('sha256', key, 'buffer');
      const client = clients.get(digest.toString('base64'));
      const same = timingSafeEqual(digest, client?.digest ?? NOBODY);
      if (client === undefined || !same) throw new GatewayError('TK_UNAUTHENTICATED', `unknown API key in ${wanted}`, { headers });
      return client.id;
    },
  };
}

function addClient(clients: Map<string, Client>, id: string, value: Buffer, problem: (message: string) => void): void {
  const key = value.toString('utf8').replace(/(?:\r?\n)+$/, '');
  if (key === '') {
    problem('the API key is empty');
    return;
  }
  if (!SENDABLE.test(key)) {
    problem('the API key has characters other than visible ASCII, so no client could send it');
    return;
  }
  const digest = hash('sha256', key, 'buffer');
  const name = digest.toString('base64');
  const other = clients.get(name);
  if (other !== undefined) {
    problem(`has the same API key as client ${other.id}, so the key would not say who calls`);
    return;
  }
  clients.set(name, { id, digest });
}

function placesOf(spec: ApiKeyAuth, path: string, report: Report): readonly Place[] {
  const places: Place[] = [];
  for (const [index, source] of spec.extractFrom.entries()) {
    const at = `${path}.extractFrom[${index}]`;
    // Envoy takes `Bearer ` off a key in any header.
    for (const [position, name] of (source.headers ?? []).entries()) {
      places.push({
        in: 'header',
        name: policyHeader(name, `${at}.headers[${position}]`, report),
        prefix: 'Bearer ',
        prefixRequired: false,
      });
    }
    for (const name of source.params ?? []) places.push({ in: 'param', name });
    for (const name of source.cookies ?? []) places.push({ in: 'cookie', name });
  }
  if (places.length === 0) report(`${path}.extractFrom`, 'names no header, parameter or cookie, so no request could carry a key');
  return places;
}
