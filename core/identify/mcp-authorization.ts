import type { Authorization as AuthorizationSpec } from '../resources/ai-gateway/mcp-authorization.ts';
import type { MCPRoute } from '../resources/ai-gateway/mcp-route.ts';
import type { Report } from '../resources/kind.ts';

import { claimAt, type Claims, scopesOf } from './claims.ts';
import { compileMcpCel, type McpCondition, type McpFacts, requestFacts } from './mcp-cel.ts';

type RuleSpec = NonNullable<AuthorizationSpec['rules']>[number];
type ClaimSpec = NonNullable<NonNullable<RuleSpec['source']>['jwt']['claims']>[number];
export type BackendSelector = NonNullable<MCPRoute['body']['spec']['backendSelector']>;

/** What somebody wants of a server. */
export interface McpAsked extends Omit<McpFacts, 'tool'> {
  readonly kind: 'tool' | 'prompt' | 'resource' | 'other';
  /** The server's own name of the tool, prompt or resource. */
  readonly name?: string | undefined;
}

export type McpDecision =
  | { readonly allowed: true }
  /** `missingScopes`: those of the rule that would have allowed it to a token that had them all; empty where none would. */
  | { readonly allowed: false; readonly missingScopes: readonly string[] };

/**
 * Whether a caller may use something of a server. Lists show what may be used: they ask it for each entry, as if it were called, and
 * without parameters.
 */
export type McpDecide = (asked: McpAsked) => McpDecision;

interface Rule {
  readonly allows: boolean;
  /** Names of tools by server; undefined for a rule that is not about tools alone. */
  readonly tools: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  readonly scopes: readonly string[];
  readonly claims: readonly ClaimSpec[];
  readonly condition: McpCondition | undefined;
  /** What is said to a caller who has not all scopes. */
  readonly denial: McpDecision;
}

/** What a token is to a rule. */
const NO_MATCH = 0;
const LACKS_SCOPES = 1;
const MATCHES = 2;

const ALLOWED: McpDecision = { allowed: true };
const DENIED: McpDecision = { allowed: false, missingScopes: [] };
const NO_CLAIMS: Claims = {};

/**
 * Compiles `securityPolicy.authorization` (CRD MCPRoute): the first rule whose target, source and expression match decides, else
 * defaultAction, which is Deny when absent. Of a source every scope and every claim must be there, of a claim any of the values.
 *
 * A rule with `target.tools` is about those tools. A rule without holds for prompts, resources and all else too: where the default is
 * Deny, they need such a rule. That is safer than the reference, which leaves them open.
 *
 * An expression that has no value, as it names what the request has not, is a match for a rule that denies and none for one that
 * allows: it never opens anything. With the reference such a rule that denies is passed over.
 * @param authorization undefined: everything is allowed
 */
export function compileMcpAuthorization(authorization: AuthorizationSpec | undefined, path: string, report: Report): McpDecide {
  if (authorization === undefined) return () => ALLOWED;
  const rules = (authorization.rules ?? []).map((rule, index) => ruleOf(rule, `${path}.rules[${index}]`, report));
  const allowsElse = authorization.defaultAction === 'Allow';
  const withoutToken = matchesOf(rules, NO_CLAIMS);
  // A verified token is asked about for each tool of a list.
  const byClaims = new WeakMap<Claims, Uint8Array>();
  const ofToken = (claims: Claims): Uint8Array => {
    let matches = byClaims.get(claims);
    if (matches === undefined) byClaims.set(claims, (matches = matchesOf(rules, claims)));
    return matches;
  };

  return (asked) => {
    const sources = asked.token === undefined ? withoutToken : ofToken(asked.token.claims);
    let facts: object | undefined;
    let lacking: Rule | undefined;
    for (let index = 0; index < rules.length; index++) {
      const rule = rules[index]!;
      const source = sources[index];
      if (source === NO_MATCH || (source === LACKS_SCOPES && !rule.allows)) continue;
      if (rule.tools !== undefined && !isTarget(rule.tools, asked)) continue;
      if (rule.condition !== undefined) {
        facts ??= requestFacts(factsOf(asked));
        if (!holds(rule, rule.condition, facts)) continue;
      }
      if (source === MATCHES) return rule.allows ? ALLOWED : (lacking?.denial ?? DENIED);
      // The fewer scopes a client has to ask for, the better.
      if (lacking === undefined || rule.scopes.length < lacking.scopes.length) lacking = rule;
    }
    return allowsElse ? ALLOWED : (lacking?.denial ?? DENIED);
  };
}

function factsOf(asked: McpAsked): McpFacts {
  const { caller, token, method, server, kind, name = '', params } = asked;
  return { caller, token, method, server, tool: kind === 'tool' ? name : '', params };
}

function holds({ allows }: { readonly allows: boolean }, condition: McpCondition, facts: object): boolean {
  return condition(facts) ?? !allows;
}

function isTarget(tools: ReadonlyMap<string, ReadonlySet<string>>, { kind, server, name }: McpAsked): boolean {
  return kind === 'tool' && name !== undefined && tools.get(server)?.has(name) === true;
}

function ruleOf({ action, cel, source, target }: RuleSpec, path: string, report: Report): Rule {
  const allows = action === 'Allow';
  const { scopes = [], claims = [] } = source?.jwt ?? {};
  return {
    allows,
    tools: target === undefined ? undefined : toolsOf(target.tools),
    scopes,
    claims,
    condition: expressionOf(cel, `${path}.cel`, report),
    denial: { allowed: false, missingScopes: scopes },
  };
}

function toolsOf(tools: readonly { readonly backend: string; readonly tool: string }[]): Map<string, Set<string>> {
  const byServer = new Map<string, Set<string>>();
  for (const { backend, tool } of tools) byServer.set(backend, (byServer.get(backend) ?? new Set()).add(tool));
  return byServer;
}

/** A blank expression is none, as with the reference. One that cannot be read never has a value. */
function expressionOf(cel: string | undefined, path: string, report: Report): McpCondition | undefined {
  if (cel === undefined || cel.trim() === '') return undefined;
  return compileMcpCel(cel, path, report) ?? (() => undefined);
}

function matchesOf(rules: readonly Rule[], claims: Claims): Uint8Array {
  const granted = scopesOf(claims);
  return Uint8Array.from(rules, (rule) => {
    if (!rule.claims.every((claim) => hasClaim(claims, claim))) return NO_MATCH;
    return rule.scopes.every((scope) => granted.has(scope)) ? MATCHES : LACKS_SCOPES;
  });
}

/** One text counts as a list of one, as with the reference. */
function hasClaim(claims: Claims, { name, valueType, values }: ClaimSpec): boolean {
  const value = claimAt(claims, name);
  if (typeof value === 'string') return values.includes(value);
  return valueType === 'StringArray' && Array.isArray(value) && value.some((item) => typeof item === 'string' && values.includes(item));
}

/** Whether a caller sees a server at all: asked for each server when a session begins. */
export type McpSelects = (asked: Pick<McpAsked, 'caller' | 'token' | 'method' | 'params'>, server: string) => boolean;

/**
 * Compiles `backendSelector` (CRD MCPRoute): the first rule whose expression holds decides, else defaultAction, which is Deny when
 * absent. An expression that has no value holds for a rule that denies, and for none that allows.
 * @param selector undefined: every server is seen
 */
export function compileBackendSelector(selector: BackendSelector | undefined, path: string, report: Report): McpSelects {
  if (selector === undefined) return () => true;
  const rules = (selector.rules ?? []).map(({ action, cel }, index) => ({
    allows: action === 'Allow',
    condition: expressionOf(cel, `${path}.rules[${index}].cel`, report),
  }));
  return (asked, server) => {
    const facts = requestFacts({ ...asked, server, tool: '' });
    const rule = rules.find((one) => one.condition === undefined || holds(one, one.condition, facts));
    return rule === undefined ? selector.defaultAction === 'Allow' : rule.allows;
  };
}
