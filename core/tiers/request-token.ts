import { type SigningKey, InvalidSignature, signText, type VerificationKeys, verifyText } from './jws.ts';

/** Header that carries the token from tier one to tier two. */
export const TOKEN_HEADER = 'x-tierkit-token';

/** What tier one says of a request, for as long as the request may take to begin. */
export interface RequestClaims {
  /** The attempt: request id and number. Tier two takes each one once. */
  readonly id: string;
  /** Who calls, as tier one knows it. */
  readonly tenant: string;
  /** Model that tier one asks for. */
  readonly model: string;
  /** Unix milliseconds by which the answer is wanted; undefined: any time. */
  readonly deadline: number | undefined;
  /** Higher first; negative: may be shed. */
  readonly priority: number;
}

const TYPE = 'tierkit-request+jwt';
/** From signing to arrival, clocks that differ included. */
const LIFETIME_S = 60;

/** Signs the claims for one tier two. @param now Unix milliseconds */
export function signRequest(claims: RequestClaims, audience: string, key: SigningKey, now: number): string {
  const issued = Math.floor(now / 1000);
  const { id, tenant, model, deadline, priority } = claims;
  return signText(
    TYPE,
    {
      jti: id,
      sub: tenant,
      aud: audience,
      iat: issued,
      exp: issued + LIFETIME_S,
      model,
      priority,
      ...(deadline === undefined ? {} : { deadline }),
    },
    key,
  );
}

/** Verifies tokens, and takes each one once while it lives. Bounded: more live tokens than the bound are refused rather than forgotten. */
export class RequestVerifier {
  #keys: VerificationKeys;
  readonly #audience: string;
  readonly #most: number;
  /** Two generations of ids: the older one goes when all in it have expired. */
  #young = new Set<string>();
  #old = new Set<string>();
  #turn = 0;

  constructor(keys: VerificationKeys, audience: string, most = 1_000_000) {
    this.#keys = keys;
    this.#audience = audience;
    this.#most = most;
  }

  /** Other keys from now on; which tokens were used is still known. */
  use(keys: VerificationKeys): void {
    this.#keys = keys;
  }

  /** @param now Unix milliseconds. @throws InvalidSignature */
  verify(token: string, now: number): RequestClaims {
    const { jti, sub, aud, exp, iat, model, priority, deadline } = verifyText(TYPE, token, this.#keys);
    const seconds = now / 1000;
    if (aud !== this.#audience) throw new InvalidSignature('it is meant for another tier two');
    if (typeof exp !== 'number' || seconds >= exp) throw new InvalidSignature('it has expired');
    if (typeof iat !== 'number' || iat > seconds + LIFETIME_S || exp - iat > LIFETIME_S) throw new InvalidSignature('its times are wrong');
    if (typeof jti !== 'string' || typeof sub !== 'string' || typeof model !== 'string' || typeof priority !== 'number')
      throw new InvalidSignature('claims are missing');
    this.#once(jti, now);
    return { id: jti, tenant: sub, model, priority, deadline: typeof deadline === 'number' ? deadline : undefined };
  }

  #once(id: string, now: number): void {
    if (now - this.#turn > LIFETIME_S * 2000) {
      this.#old = now - this.#turn > LIFETIME_S * 4000 ? new Set() : this.#young;
      this.#young = new Set();
      this.#turn = now;
    }
    if (this.#young.has(id) || this.#old.has(id)) throw new InvalidSignature('it was used already');
    if (this.#young.size >= this.#most) throw new InvalidSignature('too many are in use');
    this.#young.add(id);
  }
}
