import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';

import { GatewayError } from '../errors.ts';
import type { Report } from '../resources/kind.ts';

import { claimAsHeader, claimAt, type Claims } from './claims.ts';
import type { Caller, SecuritySources, Token } from './identity.ts';
import { compileProvider, type JwtProvider } from './jwt-providers.ts';
import { type Keys, keysFor, KeySetUnavailable } from './key-set.ts';
import { credentialAt, describePlaces, type Place } from './places.ts';
import type { JwtSpec } from './policy.ts';
import type { SharedIdentify } from './shared-identify.ts';
import { TokenCache, tokenDigest } from './token-cache.ts';

export interface VerifiedToken extends Token {
  /** `sub`, when it is a string. */
  readonly subject: string | undefined;
  /** From claimToHeaders, flat. */
  readonly headers: readonly string[];
}

/** Compiled `jwt`. */
export interface Tokens {
  /** Places of all providers. */
  readonly places: readonly Place[];
  /** Headers of claimToHeaders, in lower case. */
  readonly setHeaders: ReadonlySet<string>;
  /**
   * The request's verified token; undefined when it has none and `optional` is set. Answers at once for a token that was verified
   * a short while ago.
   * @throws GatewayError TK_UNAUTHENTICATED, or TK_INTERNAL with status 503 while the keys cannot be had
   */
  verify(caller: Caller): VerifiedToken | undefined | Promise<VerifiedToken>;
  /** The text of a token that was verified for the same request. */
  textOf(caller: Caller, token: Token): string | undefined;
}

/** A token that stands where a provider looks for one. */
interface Candidate {
  readonly provider: JwtProvider;
  readonly token: string;
}

interface TokenHeader {
  readonly alg: string;
  readonly kid: string | undefined;
}

const CLOCK_SKEW_S = 60;

/**
 * Compiles `jwt` (CRD SecurityPolicy). A token is valid when one provider verifies it: the one whose issuer the token names, else
 * those that check no issuer, in their order. Which algorithms count is up to the type of each key. Times may be off by 60 s.
 */
export function compileJwt(spec: JwtSpec, sources: SecuritySources, shared: SharedIdentify, path: string, report: Report): Tokens {
  const providers: JwtProvider[] = [];
  for (const [index, entry] of spec.providers.entries()) {
    const provider = compileProvider(entry, sources, shared, `${path}.providers[${index}]`, report);
    if (provider !== undefined) providers.push(provider);
  }
  const places = distinct(providers.flatMap((provider) => provider.places));
  const setHeaders = new Set(providers.flatMap((provider) => provider.claimToHeaders.map(({ header }) => header)));
  const wanted = describePlaces(places);
  const cache = new TokenCache<VerifiedToken>();

  return {
    places,
    setHeaders,
    verify(caller) {
      const candidates: Candidate[] = [];
      for (const provider of providers) {
        const token = credentialAt(provider.places, caller);
        if (token !== undefined) candidates.push({ provider, token });
      }
      if (candidates.length === 0) {
        if (spec.optional === true) return undefined;
        throw new GatewayError('TK_UNAUTHENTICATED', `no token: send a JWT as ${wanted}`, { headers: { 'www-authenticate': 'Bearer' } });
      }
      for (const { provider, token } of candidates) {
        const keys = provider.keySet.peek();
        const known = keys === undefined ? undefined : cache.get(cacheKey(provider, token), keys);
        if (known !== undefined) return known;
      }
      return verifyAny(candidates, cache);
    },
    textOf(caller, token) {
      const provider = providers.find(({ name }) => name === token.provider);
      return provider && credentialAt(provider.places, caller);
    },
  };
}

/** A token is known for one provider: another one may look for it elsewhere, or want another audience. */
function cacheKey(provider: JwtProvider, token: string): string {
  return `${tokenDigest(token)} ${provider.name}`;
}

async function verifyAny(candidates: readonly Candidate[], cache: TokenCache<VerifiedToken>): Promise<VerifiedToken> {
  let reason = 'it is no signed JWT';
  let unavailable: { readonly provider: string; readonly error: KeySetUnavailable } | undefined;
  for (const { provider, token } of inOrder(candidates)) {
    try {
      const outcome = await verifyWith(provider, token, cache);
      if (typeof outcome !== 'string') return outcome;
      reason = outcome;
    } catch (error) {
      if (!(error instanceof KeySetUnavailable)) throw error;
      unavailable = { provider: provider.name, error };
    }
  }
  if (unavailable !== undefined) {
    const message = `the keys of token provider ${unavailable.provider} cannot be had now, so the token cannot be verified`;
    throw new GatewayError('TK_INTERNAL', message, { status: 503, headers: { 'retry-after': '1' }, cause: unavailable.error });
  }
  throw refused(reason);
}

/** RFC 6750, section 3.1. The reason is one of our own texts: nothing of the token is in it. */
function refused(reason: string): GatewayError {
  return new GatewayError('TK_UNAUTHENTICATED', `the token is not accepted: ${reason}`, {
    headers: { 'www-authenticate': `Bearer error="invalid_token", error_description="${reason}"` },
  });
}

/** Providers whose issuer the token names go first; those of other issuers are left out. The token's word is checked later. */
function inOrder(candidates: readonly Candidate[]): readonly Candidate[] {
  const named: Candidate[] = [];
  const open: Candidate[] = [];
  let readable = false;
  for (const candidate of candidates) {
    const issuer = issuerOf(candidate.token);
    if (issuer === null) continue;
    readable = true;
    if (candidate.provider.issuer === undefined) open.push(candidate);
    else if (candidate.provider.issuer === issuer) named.push(candidate);
  }
  if (readable && named.length + open.length === 0) throw refused('its issuer is none that the policy names');
  return [...named, ...open];
}

/** @returns null for what is no JWT. */
function issuerOf(token: string): string | undefined | null {
  try {
    return decodeJwt(token).iss;
  } catch {
    return null;
  }
}

function headerOf(token: string): TokenHeader | undefined {
  try {
    const { alg, kid } = decodeProtectedHeader(token) as { readonly alg?: unknown; readonly kid?: unknown };
    return typeof alg === 'string' ? { alg, kid: typeof kid === 'string' ? kid : undefined } : undefined;
  } catch {
    return undefined;
  }
}

/** @returns why the token is not valid for this provider, when it is not. */
async function verifyWith(provider: JwtProvider, token: string, cache: TokenCache<VerifiedToken>): Promise<VerifiedToken | string> {
  const header = headerOf(token);
  if (header === undefined) return 'it is no signed JWT';
  let keys = await provider.keySet.current();
  let able = keysFor(keys, header.alg, header.kid);
  if (able.length === 0 && header.kid !== undefined) {
    keys = await provider.keySet.renewed();
    able = keysFor(keys, header.alg, header.kid);
  }
  if (able.length === 0) return 'no key of its provider has its key id and algorithm';
  let reason = 'its signature is wrong';
  for (const { key, algorithms } of able) {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [...algorithms],
        clockTolerance: CLOCK_SKEW_S,
        ...(provider.issuer === undefined ? {} : { issuer: provider.issuer }),
        ...(provider.audiences.length === 0 ? {} : { audience: [...provider.audiences] }),
      });
      return remember(provider, token, payload, keys, cache);
    } catch (error) {
      if (error instanceof errors.JWSSignatureVerificationFailed) continue;
      if (!(error instanceof errors.JOSEError)) throw error;
      reason = reasonOf(error);
      break;
    }
  }
  return reason;
}

function remember(provider: JwtProvider, token: string, claims: Claims, keys: Keys, cache: TokenCache<VerifiedToken>): VerifiedToken {
  const headers: string[] = [];
  for (const { claim, header } of provider.claimToHeaders) {
    const value = claimAsHeader(claimAt(claims, claim));
    if (value !== undefined) headers.push(header, value);
  }
  const { sub, exp } = claims;
  const verified = { provider: provider.name, claims, subject: typeof sub === 'string' ? sub : undefined, headers };
  cache.set(cacheKey(provider, token), verified, keys, typeof exp === 'number' ? exp * 1000 : undefined);
  return verified;
}

function reasonOf(error: errors.JOSEError): string {
  if (error instanceof errors.JWTExpired) return 'it has expired';
  if (!(error instanceof errors.JWTClaimValidationFailed)) return 'it is no signed JWT that we read';
  if (error.claim === 'aud') return 'it is for another audience';
  if (error.claim === 'iss') return 'its issuer is none that the policy names';
  if (error.claim === 'nbf') return 'it is not valid yet';
  return 'one of its claims is not valid';
}

function distinct(places: readonly Place[]): readonly Place[] {
  return [...new Map(places.map((place) => [JSON.stringify(place), place])).values()];
}
