import { defineKind, type ResourceOf } from '../kind.ts';
import { Duration, HeaderName, object, text, Type } from '../schema.ts';
import { Authorization, checkAuthorization, REFUSED_OF_AUTHORIZATION } from './authorization.ts';
import { ENVOY_GATEWAY_GROUP } from './group.ts';
import { checkExtAuth, ExtAuth, REFUSED_OF_EXT_AUTH } from './ext-auth.ts';
import { checkJwt, Jwt, REFUSED_OF_JWT } from './jwt.ts';
import { SecretRef } from './object-ref.ts';
import { checkTargets, refusedTargets, targetFields } from './policy-target.ts';

const Name = Type.String({ minLength: 1 });

const ApiKeyAuth = object({
  /** In each Secret, the name of an entry is the client's and its value the key. */
  credentialRefs: Type.Array(SecretRef),
  /** The first of these places that has a key is used. */
  extractFrom: Type.Array(
    object({
      headers: Type.Optional(Type.Array(HeaderName)),
      params: Type.Optional(Type.Array(Name)),
      cookies: Type.Optional(Type.Array(Name)),
    }),
  ),
  /** Tells the backend which client called. */
  forwardClientIDHeader: Type.Optional(HeaderName),
  /** Whether the key is taken out of the request that goes on. */
  sanitize: Type.Optional(Type.Boolean()),
});

const BasicAuth = object({
  /** An htpasswd file in the Secret's entry `.htpasswd`. */
  users: SecretRef,
  forwardUsernameHeader: Type.Optional(HeaderName),
});

/** `*`, or scheme, host (its first label may be `*`) and port, as the Fetch standard's Origin header has them. */
const Origin = text(253, 1, String.raw`^(\*|https?://(\*|(\*\.)?[\w\-]+(\.[\w\-]+)*)(:\d{1,5})?)$`);

const Cors = object({
  allowOrigins: Type.Optional(Type.Array(Type.Unsafe<string>({ ...Origin, description: 'origin such as https://*.example.com' }))),
  allowMethods: Type.Optional(Type.Array(Name)),
  allowHeaders: Type.Optional(Type.Array(HeaderName)),
  exposeHeaders: Type.Optional(Type.Array(HeaderName)),
  maxAge: Type.Optional(Duration),
  allowCredentials: Type.Optional(Type.Boolean()),
});

/** Who may call, and how callers prove who they are. */
export const SecurityPolicy = defineKind({
  kind: 'SecurityPolicy',
  group: ENVOY_GATEWAY_GROUP,
  versions: ['v1alpha1'],
  namespaced: true,
  schema: object({
    spec: object({
      ...targetFields(['Gateway', 'HTTPRoute']),
      apiKeyAuth: Type.Optional(ApiKeyAuth),
      basicAuth: Type.Optional(BasicAuth),
      jwt: Type.Optional(Jwt),
      authorization: Type.Optional(Authorization),
      extAuth: Type.Optional(ExtAuth),
      cors: Type.Optional(Cors),
    }),
  }),
  refused: {
    ...refusedTargets(['GRPCRoute', 'TCPRoute']),
    ...REFUSED_OF_JWT,
    ...REFUSED_OF_AUTHORIZATION,
    ...REFUSED_OF_EXT_AUTH,
    'spec.mergeType': 'policies are not merged: the most specific one holds in full',
    'spec.oidc': 'nobody is sent to a login page; callers bring a token, which jwt verifies',
  },
  rules({ spec }, report) {
    checkTargets(spec, report);
    if (spec.jwt !== undefined) checkJwt(spec.jwt, report);
    const providers = spec.jwt?.providers.map((provider) => provider.name);
    if (spec.authorization !== undefined) checkAuthorization(spec.authorization, providers, report);
    if (spec.extAuth !== undefined) checkExtAuth(spec.extAuth, report);
  },
});
export type SecurityPolicy = ResourceOf<typeof SecurityPolicy>;
