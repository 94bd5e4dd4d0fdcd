import { HTTPHeaderMatch } from '../gateway-api/header-match.ts';
import { ParentReference } from '../gateway-api/parent-reference.ts';
import { SecretObjectReference } from '../gateway-api/object-reference.ts';
import { defineKind, type ResourceOf } from '../kind.ts';
import { Hostname, list, object, oneOf, text, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { checkHeaderMatches } from './header-match.ts';
import { Authorization, checkAuthorization } from './mcp-authorization.ts';
import { checkMCPBackendRef, MCPBackendRef } from './mcp-backend-ref.ts';
import { checkExtAuth, ExtAuth, refusedExtAuth } from './mcp-ext-auth.ts';
import { checkOAuth, OAuth, refusedOAuth } from './mcp-oauth.ts';
import { checkParentRefs } from './parent-ref.ts';
import { checkSecretRef } from './secret-ref.ts';
import { reportDuplicates } from './unique.ts';

const strings = Type.Optional(Type.Array(Type.String()));

const ApiKeyAuth = object({
  credentialRefs: Type.Array(SecretObjectReference),
  extractFrom: Type.Array(object({ headers: strings, params: strings, cookies: strings })),
  forwardClientIDHeader: Type.Optional(Type.String()),
  sanitize: Type.Optional(Type.Boolean()),
});

/** Which backends a caller sees at all. */
const BackendSelector = object({
  defaultAction: oneOf(['Allow', 'Deny'], { default: 'Deny' }),
  rules: Type.Optional(list(object({ action: oneOf(['Allow', 'Deny'], { default: 'Allow' }), cel: Type.Optional(text(4096, 0)) }), 32)),
});

const SECURITY = 'spec.securityPolicy';

/** MCP servers that clients reach as one. */
export const MCPRoute = defineKind({
  kind: 'MCPRoute',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  schema: object({
    spec: object({
      parentRefs: list(ParentReference, 16, 1),
      hostnames: Type.Optional(list(Hostname, 16)),
      path: Type.String({ maxLength: 1024, default: '/mcp' }),
      headers: Type.Optional(list(HTTPHeaderMatch, 16)),
      backendRefs: list(MCPBackendRef, 256, 1),
      backendSelector: Type.Optional(BackendSelector),
      securityPolicy: Type.Optional(
        object({
          oauth: Type.Optional(OAuth),
          apiKeyAuth: Type.Optional(ApiKeyAuth),
          extAuth: Type.Optional(ExtAuth),
          authorization: Type.Optional(Authorization),
        }),
      ),
    }),
  }),
  refused: { ...refusedExtAuth(`${SECURITY}.extAuth`), ...refusedOAuth(`${SECURITY}.oauth`) },
  rules: ({ spec }, report) => {
    checkParentRefs(spec.parentRefs, 'spec.parentRefs', report);
    checkHeaderMatches(spec.headers, 'spec.headers', report);
    reportDuplicates(spec.backendRefs, (ref) => ref.name, 'spec.backendRefs', 'name', report);
    for (const [index, ref] of spec.backendRefs.entries()) checkMCPBackendRef(ref, `spec.backendRefs[${index}]`, report);
    const { oauth, apiKeyAuth, extAuth, authorization } = spec.securityPolicy ?? {};
    if (oauth !== undefined) checkOAuth(oauth, `${SECURITY}.oauth`, report);
    for (const [index, ref] of (apiKeyAuth?.credentialRefs ?? []).entries()) {
      checkSecretRef(ref, `${SECURITY}.apiKeyAuth.credentialRefs[${index}]`, report);
    }
    if (extAuth !== undefined) checkExtAuth(extAuth, `${SECURITY}.extAuth`, report);
    if (authorization !== undefined) checkAuthorization(authorization, oauth !== undefined, `${SECURITY}.authorization`, report);
  },
});
export type MCPRoute = ResourceOf<typeof MCPRoute>;
