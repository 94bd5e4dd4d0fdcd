import { GatewayError } from '../errors.ts';
import { isInternal } from '../http/headers.ts';
import type { Report } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';

import { type Cidr, contains, parseAddress, parseCidr } from './cidr.ts';
import { claimAt, scopesOf } from './claims.ts';
import type { Caller } from './identity.ts';
import type { VerifiedToken } from './jwt.ts';
import { headerValue } from './places.ts';
import type { Authorization } from './policy.ts';
import { headerBytes } from './set-headers.ts';

type Rule = NonNullable<Authorization['rules']>[number];
type Principal = Rule['principal'];

/** What the rules look at. */
export interface Subject {
  readonly caller: Caller;
  readonly token: VerifiedToken | undefined;
  /** Headers that the policy itself has set, flat. */
  readonly headers: readonly string[];
}

/** Compiled `authorization`. */
export interface Rules {
  /** @throws GatewayError TK_FORBIDDEN; its cause names the rule, for the log. */
  check(subject: Subject): void;
}

type Condition = (subject: Subject) => boolean;

/**
 * Compiles `authorization` (CRD SecurityPolicy). The first rule whose operation and principals all hold decides, else defaultAction,
 * which is Deny when absent. Within one principal any of its CIDRs, but every claim, scope and header must hold.
 * @param owned headers, in lower case, of which the client's own value does not count: only what the policy has set.
 * @param providers names in `jwt.providers`
 */
export function compileAuthorization(
  spec: Authorization,
  owned: ReadonlySet<string>,
  providers: readonly string[],
  path: string,
  report: Report,
): Rules {
  const rules = (spec.rules ?? []).map((rule, index) => {
    const conditions = conditionsOf(rule, owned, providers, `${path}.rules[${index}].principal`, report);
    const denial = rule.action === 'Deny' ? `rule ${rule.name ?? String(index)}` : undefined;
    return { conditions, denial };
  });
  const otherwise = spec.defaultAction === 'Allow' ? undefined : 'no rule matches and the default is Deny';

  return {
    check(subject) {
      const rule = rules.find(({ conditions }) => conditions.every((holds) => holds(subject)));
      const denial = rule === undefined ? otherwise : rule.denial;
      if (denial === undefined) return;
      throw new GatewayError('TK_FORBIDDEN', 'the security policy of this route does not allow this request', {
        cause: new Error(`denied: ${denial}`),
      });
    },
  };
}

function conditionsOf(
  { principal, operation }: Rule,
  owned: ReadonlySet<string>,
  providers: readonly string[],
  path: string,
  report: Report,
): readonly Condition[] {
  const conditions: Condition[] = [];
  if (operation !== undefined) {
    const methods = new Set<string>(operation.methods);
    conditions.push(({ caller }) => methods.has(caller.method));
  }
  if (principal.clientCIDRs !== undefined) conditions.push(inRanges(principal.clientCIDRs, `${path}.clientCIDRs`, report));
  if (principal.jwt !== undefined) conditions.push(tokenCondition(principal.jwt, providers, `${path}.jwt`, report));
  for (const { name, values } of principal.headers ?? []) conditions.push(headerCondition(name.toLowerCase(), values, owned));
  if (conditions.length === (operation === undefined ? 0 : 1)) report(path, 'has none of clientCIDRs, jwt and headers');
  return conditions;
}

function inRanges(texts: readonly string[], path: string, report: Report): Condition {
  const ranges: Cidr[] = [];
  for (const [index, text] of texts.entries()) {
    const range = parseCidr(text);
    if (range === undefined) report(`${path}[${index}]`, `${JSON.stringify(text)} is no CIDR range such as 10.0.0.0/8 or 2001:db8::/32`);
    else ranges.push(range);
  }
  return ({ caller }) => {
    const address = parseAddress(caller.address);
    return address !== undefined && ranges.some((range) => contains(range, address));
  };
}

function tokenCondition(
  { provider, claims = [], scopes = [] }: NonNullable<Principal['jwt']>,
  providers: readonly string[],
  path: string,
  report: Report,
): Condition {
  if (!providers.includes(provider)) {
    report(`${path}.provider`, `spec.jwt has no provider ${JSON.stringify(provider)}${didYouMean(provider, providers)}`);
  }
  return ({ token }) => {
    if (token?.provider !== provider) return false;
    if (scopes.length > 0) {
      const granted = scopesOf(token.claims);
      if (!scopes.every((scope) => granted.has(scope))) return false;
    }
    return claims.every(({ name, valueType, values }) => {
      const value = claimAt(token.claims, name);
      if (valueType === 'String') return typeof value === 'string' && values.includes(value);
      return Array.isArray(value) && value.some((item) => typeof item === 'string' && values.includes(item));
    });
  };
}

function headerCondition(name: string, values: readonly string[], owned: ReadonlySet<string>): Condition {
  const wanted = new Set(values.map((value) => headerBytes(value)));
  // A name by which only gateways speak is a forgery when it comes from a client.
  const ofPolicy = owned.has(name) || isInternal(name);
  return ({ caller, headers }) => {
    const value = ofPolicy ? setValue(headers, name) : headerValue(caller.headers[name]);
    return value !== undefined && wanted.has(value);
  };
}

function setValue(headers: readonly string[], name: string): string | undefined {
  const found: string[] = [];
  for (let index = 0; index < headers.length; index += 2) if (headers[index] === name) found.push(headers[index + 1]!);
  return found.length === 0 ? undefined : found.join(', ');
}
