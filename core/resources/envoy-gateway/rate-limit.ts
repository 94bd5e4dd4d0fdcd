import type { Report } from '../kind.ts';
import { list, object, oneOf, type Static, text, Type } from '../schema.ts';
import { Limit } from './bounds.ts';
import { checkClientSelectors, ClientSelector } from './client-selector.ts';

const MetadataKey = object({ namespace: Type.String(), key: Type.String() });
type MetadataKey = Static<typeof MetadataKey>;

const Unit = oneOf(['Second', 'Minute', 'Hour', 'Day', 'Month', 'Year']);
export type RateLimitUnit = Static<typeof Unit>;

const RequestCost = Type.Optional(object({ from: oneOf(['Number']), number: Type.Optional(Limit) }));

const Rule = object({
  clientSelectors: Type.Optional(list(ClientSelector, 8)),
  limit: object({
    /** Requests, or units of the cost. */
    requests: Type.Integer({ minimum: 1, maximum: 4_294_967_295 }),
    unit: Unit,
    /** Takes the place of both where a request has it: `{requests_per_unit, unit}`. In Envoy Gateway since 1.9. */
    fromMetadata: Type.Optional(object({ namespace: Type.String(), key: text(256) })),
  }),
  cost: Type.Optional(
    object({
      request: RequestCost,
      response: Type.Optional(
        object({ from: oneOf(['Number', 'Metadata']), number: Type.Optional(Limit), metadata: Type.Optional(MetadataKey) }),
      ),
    }),
  ),
  /** The count goes on, and nothing is refused. */
  shadowMode: Type.Optional(Type.Boolean()),
  /** All routes of the policy have one count; else each has its own. */
  shared: Type.Optional(Type.Boolean()),
  xRateLimitHeaders: Type.Optional(oneOf(['Off', 'DraftVersion03'])),
});
export type RateLimitRule = Static<typeof Rule>;

export const RateLimit = object({
  /** Old: says which of the two counts. */
  type: Type.Optional(oneOf(['Global', 'Local'])),
  global: Type.Optional(object({ rules: list(Rule, 256) })),
  local: Type.Optional(object({ rules: Type.Optional(list(Rule, 16)) })),
});
export type RateLimit = Static<typeof RateLimit>;

const USAGE_COMES_LATER =
  'what a request will use is not known when it comes: set cost.response, of which an estimate is set aside at once';

/** For the kind's list of refusals. */
export const REFUSED_COSTS: Readonly<Record<string, string>> = Object.fromEntries(
  ['global', 'local'].flatMap((scope) =>
    ['from=Metadata', 'metadata'].map((field) => [`spec.rateLimit.${scope}.rules[].cost.request.${field}`, USAGE_COMES_LATER] as const),
  ),
);

/** Metadata namespace of llmRequestCosts. */
const COST_NAMESPACE = 'io.envoy.ai_gateway';
/** Metadata namespace of verified tokens: a provider's name is the key of its token's claims. */
const TOKEN_NAMESPACE = 'envoy.filters.http.jwt_authn';

export function checkRateLimit(limits: RateLimit, path: string, report: Report): void {
  const { type, global, local } = limits;
  if (type !== undefined) {
    const [used, unused] = type === 'Global' ? (['global', 'local'] as const) : (['local', 'global'] as const);
    if (limits[used] === undefined) report(`${path}.${used}`, `is required when type is ${type}`);
    else if (limits[unused] !== undefined) report(`${path}.${unused}`, `does not count while type is ${type}; leave type out, and both do`);
  } else if (global === undefined && local === undefined) report(path, 'one of global and local is required');
  for (const [index, rule] of (global?.rules ?? []).entries()) checkRule(rule, `${path}.global.rules[${index}]`, report);
  for (const [index, rule] of (local?.rules ?? []).entries()) {
    const at = `${path}.local.rules[${index}]`;
    checkRule(rule, at, report);
    if (rule.cost?.response !== undefined) report(`${at}.cost.response`, 'is for global limits: a local one counts requests');
    if (rule.limit.fromMetadata !== undefined) report(`${at}.limit.fromMetadata`, 'is for global limits: a local one is the same for all');
  }
}

function checkRule({ clientSelectors, limit, cost }: RateLimitRule, path: string, report: Report): void {
  checkClientSelectors(clientSelectors, `${path}.clientSelectors`, report);
  const { request, response } = cost ?? {};
  if (request !== undefined && request.number === undefined) report(`${path}.cost.request.number`, 'is required when from is Number');
  if (response !== undefined) {
    const at = `${path}.cost.response`;
    const { from, number, metadata } = response;
    if (number !== undefined && metadata !== undefined) report(at, 'only one of number and metadata can be set');
    else if (from === 'Number' && number === undefined) report(`${at}.number`, 'is required when from is Number');
    else if (from === 'Metadata' && metadata === undefined) report(`${at}.metadata`, 'is required when from is Metadata');
    if (metadata !== undefined) checkNamespace(metadata, COST_NAMESPACE, 'costs are those of llmRequestCosts', `${at}.metadata`, report);
  }
  const { fromMetadata } = limit;
  const why = `limits are read from the claims of verified tokens; the key is the name of a provider of SecurityPolicy jwt, as in`;
  if (fromMetadata !== undefined)
    checkNamespace(fromMetadata, TOKEN_NAMESPACE, `${why} "corp" or "corp.limits.chat"`, `${path}.limit.fromMetadata`, report);
}

function checkNamespace({ namespace }: MetadataKey, known: string, why: string, path: string, report: Report): void {
  if (namespace === known) return;
  report(`${path}.namespace`, `${JSON.stringify(namespace)} is not supported, only ${known}: ${why}`);
}
