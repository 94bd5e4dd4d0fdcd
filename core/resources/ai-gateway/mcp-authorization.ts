import type { Report } from '../kind.ts';
import { list, object, oneOf, type Static, text, Type } from '../schema.ts';

const Claim = object({
  name: text(253),
  valueType: oneOf(['String', 'StringArray'], { default: 'String' }),
  values: list(Type.String(), 128, 1),
});

const Rule = object({
  action: oneOf(['Allow', 'Deny'], { default: 'Allow' }),
  cel: Type.Optional(text(4096, 0)),
  source: Type.Optional(
    object({
      jwt: object({
        scopes: Type.Optional(list(text(253), 16)),
        claims: Type.Optional(list(Claim, 16)),
      }),
    }),
  ),
  target: Type.Optional(object({ tools: list(object({ backend: Type.String(), tool: Type.String() }), 16, 1) })),
});

/** Which callers may use which tools: the first rule that matches decides. */
export const Authorization = object({
  defaultAction: oneOf(['Allow', 'Deny'], { default: 'Deny' }),
  rules: Type.Optional(list(Rule, 32)),
});
export type Authorization = Static<typeof Authorization>;

/** @param hasOAuth - whether tokens are verified, without which no rule can know a caller by token. */
export function checkAuthorization(authorization: Authorization, hasOAuth: boolean, path: string, report: Report): void {
  for (const [index, { source }] of (authorization.rules ?? []).entries()) {
    if (source === undefined) continue;
    const at = `${path}.rules[${index}].source.jwt`;
    if (!hasOAuth) report(at, 'needs spec.securityPolicy.oauth, which says whose tokens are good');
    const { scopes = [], claims = [] } = source.jwt;
    if (scopes.length === 0 && claims.length === 0) report(at, 'must have scopes or claims');
    for (const [claimIndex, claim] of claims.entries()) {
      if (claim.name === 'scope') report(`${at}.claims[${claimIndex}].name`, 'the claim "scope" is reserved; use scopes');
    }
  }
}
