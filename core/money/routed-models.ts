import type { BudgetRule } from './budget-rule.ts';
import { Unpriced } from './cost.ts';
import type { PriceEntry } from './price-entry.ts';
import type { Place, Prices } from './prices.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { MODEL_HEADERS } from '../resources/envoy-gateway/client-selector.ts';
import type { ResourceSet } from '../resources/set.ts';

/** A model that a route sends to a backend. */
export interface RoutedModel extends Omit<Place, 'model'> {
  /** As the backend calls it; undefined: whatever the client asks for. */
  readonly model: string | undefined;
  /** As the client asks for it; undefined: whatever it likes. */
  readonly asked: string | undefined;
  readonly route: { readonly namespace: string; readonly name: string };
  readonly gateways: readonly { readonly namespace: string; readonly name: string }[];
}

/** A routed model, and its price. */
export interface PricedModel {
  readonly routed: RoutedModel;
  /** Undefined where the route says no model. */
  readonly price: PriceEntry | Unpriced | undefined;
  /** Names of hard budgets that cover it and refuse its requests, for want of a price in their currency. */
  readonly refusedBy: readonly string[];
}

/** The models that AIGatewayRoutes name, at each of their backends. */
export function routedModels(set: ResourceSet): RoutedModel[] {
  const models = new Map<string, RoutedModel>();
  for (const { metadata, body } of set.all(AIGatewayRoute)) {
    const route = { namespace: metadata.namespace, name: metadata.name };
    const gateways = (body.spec.parentRefs ?? []).map(({ namespace = metadata.namespace, name }) => ({ namespace, name }));
    for (const rule of body.spec.rules) {
      const asked = askedModels(rule);
      for (const ref of rule.backendRefs ?? []) {
        const namespace = ref.namespace ?? metadata.namespace;
        const pool = ref.kind === 'InferencePool';
        const provider = pool ? 'vLLM' : (set.get(AIServiceBackend, namespace, ref.name)?.body.spec.schema.name ?? 'OpenAI');
        const override = ref.modelNameOverride === '' ? undefined : ref.modelNameOverride;
        for (const each of asked) {
          const routed = { model: override ?? each, asked: each, backend: `${namespace}/${ref.name}`, provider, route, gateways };
          models.set(JSON.stringify([routed.model, each, routed.backend, route]), routed);
        }
      }
    }
  }
  return [...models.values()];
}

type Rule = AIGatewayRoute['body']['spec']['rules'][number];

function askedModels({ matches = [] }: Rule): (string | undefined)[] {
  if (matches.length === 0) return [undefined];
  const names = matches.map(
    ({ headers = [] }) => headers.find(({ type, name }) => type === 'Exact' && MODEL_HEADERS.has(name.toLowerCase()))?.value,
  );
  return [...new Set(names)];
}

/** What each routed model costs at a time, and which hard budgets refuse it. */
export function pricedModels(set: ResourceSet, prices: Prices, budgets: readonly BudgetRule[], now: number): PricedModel[] {
  return routedModels(set).map((routed) => {
    const { model } = routed;
    const price = model === undefined ? undefined : prices.find({ ...routed, model }, now);
    const refusedBy = price === undefined ? [] : budgets.filter((budget) => refuses(budget, routed, price)).map(({ name }) => name);
    return { routed, price, refusedBy };
  });
}

function refuses(budget: BudgetRule, { asked, route, gateways }: RoutedModel, price: PriceEntry | Unpriced): boolean {
  if (!budget.refusesUnknownPrice || budget.unit === 'tokens') return false;
  if (!(price instanceof Unpriced) && price.currency === budget.unit.currency) return false;
  const identity = { clientId: budget.clients?.[0], headers: [] };
  return gateways.some((gateway) => budget.covers({ identity, model: asked, route: { kind: 'AIGatewayRoute', ...route }, gateway }));
}
