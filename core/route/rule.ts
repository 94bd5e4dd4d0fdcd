import type { Plan, Target } from '../attempt/plan.ts';
import type { Pattern } from '../http/pattern.ts';

import type { Security } from '../identify/identity.ts';
import type { Cost, LimitRule } from '../limits/rule.ts';
import type { AiTarget } from '../providers/target.ts';
import type { McpRule } from './mcp-rule.ts';
import type { OrdinaryFilters, RequestEdits } from './filters.ts';

/** What is the same for all rules of a route. */
export interface RouteInfo {
  readonly kind: 'AIGatewayRoute' | 'HTTPRoute' | 'MCPRoute';
  readonly namespace: string;
  readonly name: string;
}

/** A model that `/v1/models` lists. */
export interface ListedModel {
  readonly id: string;
  readonly ownedBy: string;
  /** Unix seconds. */
  readonly created: number;
}

interface RuleBase {
  readonly route: RouteInfo;
  readonly index: number;
  readonly name: string | undefined;
  /** Who may call; undefined: anyone. */
  readonly security: Security | undefined;
  /** Name of a BackendTrafficPolicy, ClientTrafficPolicy or GatewayConfig that holds for it and has problems, as a cluster can have them: its requests are refused. */
  readonly broken: string | undefined;
  /** Limits of the rule's BackendTrafficPolicy. */
  readonly limits: readonly LimitRule[];
  /** What is worked out of the usage of a request, by metadata key: llmRequestCosts and globalLLMRequestCosts. */
  readonly costs: ReadonlyMap<string, Cost>;
}

/** A rule of an AIGatewayRoute. */
export interface AiRule extends RuleBase {
  readonly ai: true;
  readonly plan: Plan<AiTarget>;
  readonly models: readonly ListedModel[];
  /** Whether a request is refused of which a translation would drop something. */
  readonly strict: boolean;
}

/** A backend of an HTTPRoute. */
export interface OrdinaryTarget extends Target {
  readonly request: RequestEdits | undefined;
  readonly answer: AnswerEdits | undefined;
}

/** Edits of an answer's headers, names in lower case. */
export interface AnswerEdits {
  readonly set: readonly (readonly [name: string, value: string])[];
  readonly add: readonly (readonly [name: string, value: string])[];
  readonly remove: readonly string[];
}

/** A rule of an HTTPRoute, or of an MCPRoute. */
export interface OrdinaryRule extends RuleBase {
  readonly ai: false;
  readonly plan: Plan<OrdinaryTarget>;
  /** Share of its requests that is for references which lead nowhere: they are refused (Gateway API, HTTPBackendRef). */
  readonly lost: number;
  readonly filters: OrdinaryFilters;
  /** Whether one of its backends is an InferencePool: then the requests of model APIs are read. */
  readonly pooled: boolean;
  /** The plan for requests of model APIs, where {@link pooled}. */
  readonly pooledPlan: Plan<AiTarget> | undefined;
  /** Of an MCPRoute. */
  readonly mcp?: McpRule;
}

export type Rule = AiRule | OrdinaryRule;

/** A header or query parameter that must be there. */
export interface ValueMatch {
  /** Header names in lower case. */
  readonly name: string;
  readonly exact: string | undefined;
  readonly pattern: Pattern | undefined;
}

/** One match of a rule. */
export interface Match {
  readonly rule: Rule;
  readonly path:
    | { readonly type: 'exact' | 'prefix'; readonly value: string }
    | { readonly type: 'pattern'; readonly value: string; readonly fits: Pattern };
  readonly method: string | undefined;
  readonly headers: readonly ValueMatch[];
  readonly query: readonly ValueMatch[];
  /** Place in the order of precedence over all matches of a listener: the lowest that fits wins. */
  rank: number;
}
