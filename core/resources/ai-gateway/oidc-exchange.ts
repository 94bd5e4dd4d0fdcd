import { SecretObjectReference } from '../gateway-api/object-reference.ts';
import type { Report } from '../kind.ts';
import { object, type Static, Type } from '../schema.ts';
import { checkSecretRef } from './secret-ref.ts';

const Name = Type.String({ minLength: 1 });

/** How a token comes from an OpenID provider: always by client credentials, as nobody is there to log in. */
const Oidc = object({
  provider: object({ issuer: Name, tokenEndpoint: Type.Optional(Type.String()) }),
  clientID: Type.Optional(Name),
  /** The Secret's entry `client-id`. */
  clientIDRef: Type.Optional(SecretObjectReference),
  /** The Secret's entry `client-secret`. */
  clientSecret: SecretObjectReference,
  scopes: Type.Optional(Type.Array(Type.String())),
  resources: Type.Optional(Type.Array(Type.String())),
  // The API server writes it into every policy. Client credentials have no refresh token (RFC 6749, section 4.4.3): it changes nothing.
  refreshToken: Type.Optional(Type.Boolean({ default: true })),
});

const FIELDS = { oidc: Oidc, grantType: Type.Optional(Type.String()), aud: Type.Optional(Type.String()) };

/** A token of an OpenID provider, which a cloud takes for one of its own. */
export const OidcExchangeToken = object(FIELDS);
export type OidcExchangeToken = Static<typeof OidcExchangeToken>;

export const AwsOidcExchangeToken = object({ ...FIELDS, awsRoleArn: Name });

const OF_LOGINS = 'it is for people who log in with a browser; this token is fetched with client credentials';

const REFUSED: Readonly<Record<string, string>> = {
  cookieConfig: OF_LOGINS,
  cookieDomain: OF_LOGINS,
  cookieNames: OF_LOGINS,
  csrfTokenTTL: OF_LOGINS,
  defaultRefreshTokenTTL: OF_LOGINS,
  defaultTokenTTL: OF_LOGINS,
  denyRedirect: OF_LOGINS,
  disableTokenEncryption: OF_LOGINS,
  forwardAccessToken: OF_LOGINS,
  forwardIDToken: OF_LOGINS,
  logoutPath: OF_LOGINS,
  passThroughAuthHeader: OF_LOGINS,
  redirectURL: OF_LOGINS,
  'provider.authorizationEndpoint': OF_LOGINS,
  'provider.endSessionEndpoint': OF_LOGINS,
  'provider.backendRef': 'the provider is called at the address of its issuer',
  'provider.backendRefs': 'the provider is called at the address of its issuer',
  'provider.backendSettings': 'the provider is called with time limits and pauses of the gateway’s own',
};

/** @param path of an oidcExchangeToken */
export function refusedOfOidc(path: string): Record<string, string> {
  return Object.fromEntries(Object.entries(REFUSED).map(([field, reason]) => [`${path}.oidc.${field}`, reason]));
}

export function checkOidc(token: OidcExchangeToken | undefined, path: string, report: Report): void {
  if (token === undefined) return;
  const { oidc, grantType } = token;
  if ((oidc.clientID === undefined) === (oidc.clientIDRef === undefined))
    report(`${path}.oidc`, 'exactly one of clientID and clientIDRef must be set');
  checkSecretRef(oidc.clientIDRef, `${path}.oidc.clientIDRef`, report);
  checkSecretRef(oidc.clientSecret, `${path}.oidc.clientSecret`, report);
  if (grantType !== undefined && grantType !== '' && grantType !== 'client_credentials')
    report(`${path}.grantType`, `must be client_credentials, not ${JSON.stringify(grantType)}`);
  const { issuer, tokenEndpoint } = oidc.provider;
  checkSecretUrl(issuer, `${path}.oidc.provider.issuer`, report);
  // OpenID Connect Discovery 1.0, section 3; an endpoint may have a query (RFC 6749, section 3.2).
  if (issuer.includes('?')) report(`${path}.oidc.provider.issuer`, 'must have no query');
  if (tokenEndpoint !== undefined) checkSecretUrl(tokenEndpoint, `${path}.oidc.provider.tokenEndpoint`, report);
}

/** Reports an address that a secret should not go to: in the clear it goes only to this machine. */
export function checkSecretUrl(text: string, path: string, report: Report): void {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'https:' && !(url.protocol === 'http:' && isHere(url.hostname))))
    report(path, `${JSON.stringify(text)} is no https URL`);
  else if (url.username !== '' || url.password !== '' || url.hash !== '') report(path, 'must have no user name, password or fragment');
}

/** Whether a host of a URL is this machine. */
function isHere(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(host);
}
