import type { Report } from '../kind.ts';
import { didYouMean } from '../nearest.ts';
import { HeaderName, list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { isAddressRange } from './address.ts';

const Action = oneOf(['Allow', 'Deny']);

/** Every field that is there must match. */
const Principal = object({
  clientCIDRs: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
  jwt: Type.Optional(
    object({
      provider: text(253),
      scopes: Type.Optional(list(text(253), 16, 1)),
      claims: Type.Optional(
        list(
          object({
            name: text(253),
            valueType: oneOf(['String', 'StringArray'], { default: 'String' }),
            values: list(Type.String(), 128, 1),
          }),
          16,
          1,
        ),
      ),
    }),
  ),
  headers: Type.Optional(list(object({ name: HeaderName, values: list(Type.String(), 256, 1) }), 256, 1)),
});

/** Who may call: the first rule that matches decides, or else `defaultAction`, which is Deny when absent. */
export const Authorization = object({
  defaultAction: Type.Optional(Action),
  rules: Type.Optional(
    Type.Array(
      object({
        name: Type.Optional(text(253)),
        action: Action,
        operation: Type.Optional(
          object({ methods: list(oneOf(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']), 16, 1) }),
        ),
        principal: Principal,
      }),
    ),
  ),
});

export const REFUSED_OF_AUTHORIZATION = {
  'spec.authorization.rules[].principal.clientIPGeoLocations': 'there is no database of the places of addresses; use clientCIDRs',
};

/** @param providers names of the policy's own JWT providers, or undefined when it has no `jwt`. */
export function checkAuthorization(
  { rules }: Static<typeof Authorization>,
  providers: readonly string[] | undefined,
  report: Report,
): void {
  for (const [index, { principal }] of (rules ?? []).entries()) {
    checkPrincipal(principal, `spec.authorization.rules[${index}].principal`, providers, report);
  }
}

function checkPrincipal(
  { clientCIDRs, jwt, headers }: Static<typeof Principal>,
  path: string,
  providers: readonly string[] | undefined,
  report: Report,
): void {
  if (clientCIDRs === undefined && jwt === undefined && headers === undefined) {
    report(path, 'one of clientCIDRs, jwt and headers is required');
  }
  for (const [index, range] of (clientCIDRs ?? []).entries()) {
    if (!isAddressRange(range)) report(`${path}.clientCIDRs[${index}]`, `"${range}" is no address range such as 10.0.0.0/8`);
  }
  if (jwt === undefined) return;
  if (jwt.claims === undefined && jwt.scopes === undefined) report(`${path}.jwt`, 'one of claims and scopes is required');
  if (providers === undefined) report(`${path}.jwt`, 'needs spec.jwt, which says how tokens are verified');
  else if (!providers.includes(jwt.provider)) {
    report(`${path}.jwt.provider`, `no provider of spec.jwt is called "${jwt.provider}"${didYouMean(jwt.provider, providers)}`);
  }
}
