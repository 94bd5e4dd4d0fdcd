import type { Report } from '../kind.ts';
import { Duration, HeaderName, list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { Off } from './bounds.ts';
import { localRef } from './object-ref.ts';

const Name = Type.String({ minLength: 1 });

const Provider = object({
  name: text(253),
  /** Not checked when absent, nor are the audiences. */
  issuer: Type.Optional(text(253, 0)),
  audiences: Type.Optional(list(Type.String(), 8)),
  remoteJWKS: Type.Optional(object({ uri: text(253), cacheDuration: Type.Unsafe<string>({ ...Duration, default: '300s' }) })),
  localJWKS: Type.Optional(
    object({
      type: oneOf(['Inline', 'ValueRef'], { default: 'Inline' }),
      inline: Type.Optional(Type.String()),
      valueRef: Type.Optional(localRef(['ConfigMap'])),
    }),
  ),
  claimToHeaders: Type.Optional(Type.Array(object({ claim: Name, header: HeaderName }))),
  /** Where the token is; when absent, a bearer token in Authorization, then the parameter `access_token`. */
  extractFrom: Type.Optional(
    object({
      headers: Type.Optional(Type.Array(object({ name: HeaderName, valuePrefix: Type.Optional(Type.String()) }))),
      cookies: Type.Optional(Type.Array(Name)),
      params: Type.Optional(Type.Array(Name)),
    }),
  ),
  recomputeRoute: Type.Optional(Off),
});
type Provider = Static<typeof Provider>;

/** Tokens (RFC 7519) that one of the providers signed. */
export const Jwt = object({
  /** Lets a request without a token pass; a token that is there must be valid. */
  optional: Type.Optional(Type.Boolean()),
  providers: list(Provider, 16, 1),
});

const KEYS_OVER_HTTP = 'the keys are fetched from the uri itself, over HTTP';

export const REFUSED_OF_JWT = {
  'spec.jwt.providers[].recomputeRoute=true': 'the route of a request is chosen once; claims in headers do not change it',
  'spec.jwt.providers[].remoteJWKS.backendRef': KEYS_OVER_HTTP,
  'spec.jwt.providers[].remoteJWKS.backendRefs': KEYS_OVER_HTTP,
  'spec.jwt.providers[].remoteJWKS.backendSettings': KEYS_OVER_HTTP,
};

export function checkJwt({ providers }: Static<typeof Jwt>, report: Report): void {
  const names = new Set<string>();
  for (const [index, provider] of providers.entries()) {
    const path = `spec.jwt.providers[${index}]`;
    if (names.has(provider.name)) report(`${path}.name`, `"${provider.name}" is the name of an earlier provider too`);
    names.add(provider.name);
    checkKeys(provider, path, report);
  }
}

function checkKeys({ remoteJWKS, localJWKS }: Provider, path: string, report: Report): void {
  if (remoteJWKS === undefined && localJWKS === undefined) report(path, 'one of remoteJWKS and localJWKS is required');
  if (remoteJWKS !== undefined && localJWKS !== undefined) report(`${path}.localJWKS`, 'cannot be used together with remoteJWKS');
  if (remoteJWKS !== undefined && !isHttpUrl(remoteJWKS.uri)) {
    report(`${path}.remoteJWKS.uri`, `"${remoteJWKS.uri}" is no http or https URL`);
  }
  if (localJWKS === undefined) return;
  const [given, other] = localJWKS.type === 'Inline' ? (['inline', 'valueRef'] as const) : (['valueRef', 'inline'] as const);
  if (localJWKS[given] === undefined) report(`${path}.localJWKS.${given}`, `is required when type is ${localJWKS.type}`);
  if (localJWKS[other] !== undefined) report(`${path}.localJWKS.${other}`, `cannot be used when type is ${localJWKS.type}`);
}

function isHttpUrl(uri: string): boolean {
  const protocol = URL.parse(uri)?.protocol;
  return protocol === 'https:' || protocol === 'http:';
}
