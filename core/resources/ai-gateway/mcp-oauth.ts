import type { Report } from '../kind.ts';
import { Duration, Group, KindName, list, object, ObjectName, oneOf, type Static, text, Type } from '../schema.ts';
import { checkServicePort, WeightedBackendRef } from './backend-ref.ts';
import { Uri } from './text-formats.ts';

/** Keys that sign the access tokens. */
const Jwks = object({
  remoteJWKS: Type.Optional(
    object({
      uri: text(253),
      backendRefs: Type.Optional(list(WeightedBackendRef, 16)),
      cacheDuration: Type.String({ ...Duration, default: '300s' }),
    }),
  ),
  localJWKS: Type.Optional(
    object({
      type: oneOf(['Inline', 'ValueRef'], { default: 'Inline' }),
      inline: Type.Optional(Type.String()),
      valueRef: Type.Optional(object({ group: Group, kind: KindName, name: ObjectName })),
    }),
  ),
});

/** MCP authorization: access tokens of an OAuth issuer, and what clients are told of it (RFC 9728). */
export const OAuth = object({
  issuer: Uri,
  audiences: Type.Optional(list(Type.String(), 32)),
  jwks: Type.Optional(Jwks),
  claimToHeaders: Type.Optional(list(object({ claim: Type.String(), header: Type.String() }), 16)),
  protectedResourceMetadata: object({
    resource: Uri,
    resourceName: Type.Optional(text(256, 0)),
    scopesSupported: Type.Optional(list(Type.String(), 32)),
    resourceSigningAlgValuesSupported: Type.Optional(list(Type.String(), 16, 1)),
    resourceDocumentation: Type.Optional(Uri),
    resourcePolicyUri: Type.Optional(Uri),
  }),
});
export type OAuth = Static<typeof OAuth>;

export function refusedOAuth(path: string): Record<string, string> {
  return {
    [`${path}.jwks.remoteJWKS.backendRef`]: 'the CRD has the field and forbids its use; use backendRefs',
    [`${path}.jwks.remoteJWKS.backendSettings`]:
      'keys are fetched with the defaults of Tierkit; connection settings of this call are not served',
  };
}

export function checkOAuth(oauth: OAuth, path: string, report: Report): void {
  if (oauth.jwks === undefined) return;
  const { remoteJWKS, localJWKS } = oauth.jwks;
  const at = `${path}.jwks`;
  if (remoteJWKS === undefined && localJWKS === undefined) report(at, 'must have remoteJWKS or localJWKS');
  if (remoteJWKS !== undefined && localJWKS !== undefined) report(at, 'cannot have both remoteJWKS and localJWKS');
  for (const [index, ref] of (remoteJWKS?.backendRefs ?? []).entries())
    checkServicePort(ref, `${at}.remoteJWKS.backendRefs[${index}]`, report);
  if (localJWKS === undefined) return;
  const [wanted, other] = localJWKS.type === 'Inline' ? (['inline', 'valueRef'] as const) : (['valueRef', 'inline'] as const);
  if (localJWKS[wanted] === undefined) report(`${at}.localJWKS.${wanted}`, `is required when type is ${localJWKS.type}`);
  if (localJWKS[other] !== undefined) report(`${at}.localJWKS.${other}`, `cannot be set when type is ${localJWKS.type}`);
}
