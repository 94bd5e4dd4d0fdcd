import type { IncomingHttpHeaders } from 'node:http';

import type { Dispatcher } from 'undici';

import type { Claims } from './claims.ts';

/** What the identify stage sees of a request. */
export interface Caller {
  readonly method: string;
  /** Normalised path, without the query. */
  readonly path: string;
  /** From `?` on, or empty. */
  readonly query: string;
  /** Host without port, in lower case. */
  readonly host: string;
  readonly headers: IncomingHttpHeaders;
  /** Address of the client, after trusted proxies (ClientTrafficPolicy clientIPDetection). */
  readonly address: string;
}

/** Who calls, as far as the route's policy asks. */
export interface Identity {
  /** The key of the API key, `sub` of the token or the user name; undefined where nobody asked. */
  readonly clientId: string | undefined;
  /** Headers that the policy sets towards the backend, flat: forwardClientIDHeader, claimToHeaders, headersToBackend. */
  readonly headers: readonly string[];
  /** The verified token, where the policy looks for one and the request has it. */
  readonly token?: Token | undefined;
}

/** What a verified token says, and the provider (SecurityPolicy jwt) by which it was verified. */
export interface Token {
  readonly provider: string;
  readonly claims: Claims;
}

export const ANYONE: Identity = { clientId: undefined, headers: [] };

/** A compiled SecurityPolicy. */
export interface Security {
  /** Names the policy in messages: `SecurityPolicy namespace/name`. */
  readonly name: string;
  /**
   * Lower-case header names that the policy reads credentials from, or that it sets itself: taken off what the client
   * sends before anything goes to a backend.
   */
  readonly owned: ReadonlySet<string>;
  /** The part of {@link owned} that the policy sets: what a client sends under such a name is nobody's word. */
  readonly sets: ReadonlySet<string>;
  /** Query parameters that carry credentials; taken off before anything goes to a backend. */
  readonly ownedParams: ReadonlySet<string>;
  /** Cookies that carry credentials; taken off before anything goes to a backend. */
  readonly ownedCookies: ReadonlySet<string>;
  /**
   * The part of the three sets above that a backend of an ordinary route may see after all, as with Envoy Gateway: tokens, basic
   * auth and API keys without `sanitize`. No header that the policy sets is in it, and for an AI backend it does not count.
   */
  readonly passable: {
    readonly headers: ReadonlySet<string>;
    readonly params: ReadonlySet<string>;
    readonly cookies: ReadonlySet<string>;
  };
  /**
   * Says who calls. Answers without a promise where nothing has to be waited for.
   * @throws GatewayError TK_UNAUTHENTICATED, TK_FORBIDDEN, TK_INTERNAL
   */
  identify(caller: Caller): Identity | Promise<Identity>;
  /**
   * The text of the token that it verified for a request, from where it stands there: it is not kept. Undefined: the policy verifies none.
   * @param token as {@link identify} gave it
   */
  readonly textOf: ((caller: Caller, token: Token) => string | undefined) | undefined;
  readonly cors: Cors | undefined;
}

export interface Cors {
  /** The answer's headers for a preflight request (OPTIONS with Access-Control-Request-Method), or undefined when the request is none or the origin is not allowed. */
  preflight(caller: Caller): Readonly<Record<string, string>> | undefined;
  /** Headers to add to the answer of an ordinary request; empty for a foreign origin. */
  headers(caller: Caller): Readonly<Record<string, string>>;
}

/** What compiling a policy may look up. Each look-up reports its own problems, at the given path of the policy. */
export interface SecuritySources {
  /** The bytes of one Secret's keys, already decoded; undefined after a report. */
  secret(
    reference: { readonly name: string; readonly namespace?: string | undefined },
    path: string,
  ): ReadonlyMap<string, Buffer> | undefined;
  configMap(reference: { readonly name: string }, path: string): ReadonlyMap<string, string> | undefined;
  /** Connections to a referenced Backend or Service; undefined after a report. */
  dispatcher(reference: BackendReference, path: string): { readonly dispatcher: Dispatcher; readonly hostHeader: string } | undefined;
  /** Connections for a URL, such as that of a remote key set: one pool an origin. */
  dispatcherForUrl(url: URL): Dispatcher;
  /** Of a policy whose issuer is asked where its keys are, where the policy does not say so. */
  readonly discovery?: {
    /** In a cluster: an issuer is not asked where its name leads to this machine or its neighbours. */
    readonly elsewhere: boolean;
  };
}

export interface BackendReference {
  readonly group?: string | undefined;
  readonly kind?: string | undefined;
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port?: number | undefined;
}
