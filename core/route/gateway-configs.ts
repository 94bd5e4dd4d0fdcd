import { proxyAddress } from '../http/forward-proxy.ts';
import { costsOf } from '../limits/cost.ts';
import { CompiledLimit } from '../limits/compiled.ts';
import { type Cost, type LimitRule, NO_COSTS } from '../limits/rule.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { GatewayConfig } from '../resources/ai-gateway/gateway-config.ts';
import { Gateway } from '../resources/gateway-api/gateway.ts';
import { isOf, nameOf, type Resource } from '../resources/kind.ts';

import type { Attachment } from './attach.ts';
import { checkElsewhere } from './origins.ts';
import { remember } from './remember.ts';
import type { Scope } from './scope.ts';

const CONFIG_ANNOTATION = 'aigateway.envoyproxy.io/gateway-config';

type Costs = ReadonlyMap<string, Cost>;

/** By the body of a route, and the body of a GatewayConfig: nothing else decides. */
const OF_ROUTES = new WeakMap<object, WeakMap<object, Costs>>();
const OF_CONFIGS = new WeakMap<object, Costs>();
const NO_CONFIG = {};

/** Costs of routes by metadata key, each list compiled once. */
export class CostsOf {
  readonly #scope: Scope;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** Costs of a route at a Gateway: those of the route win over those of the GatewayConfig. */
  of(route: Resource, attachment: Attachment | undefined): Costs {
    const config = attachment === undefined ? undefined : configOf(attachment.gateway, this.#scope);
    const own = isOf(AIGatewayRoute, route) ? (route.body.spec.llmRequestCosts ?? []) : [];
    if (own.length === 0) return config === undefined ? NO_COSTS : remember(OF_CONFIGS, config.body, () => costsOf(globalCosts(config)));
    const byConfig = remember(OF_ROUTES, route.body as object, () => new WeakMap<object, Costs>());
    return remember(byConfig, config?.body ?? NO_CONFIG, () => costsOf(globalCosts(config), own));
  }

  /** Name of the GatewayConfig that cannot tell what such limits count. */
  broken(limits: readonly LimitRule[], attachment: Attachment | undefined): string | undefined {
    if (attachment === undefined || !limits.some(lacksCost)) return undefined;
    return missingConfig(attachment.gateway, this.#scope);
  }
}

export function configOf({ metadata }: Gateway, scope: Scope): GatewayConfig | undefined {
  const name = metadata.annotations[CONFIG_ANNOTATION];
  return name === undefined ? undefined : scope.set.get(GatewayConfig, metadata.namespace, name);
}

/** Name of the GatewayConfig that a Gateway names, and that cannot be had. */
export function missingConfig(gateway: Gateway, scope: Scope): string | undefined {
  const { namespace, annotations } = gateway.metadata;
  const name = annotations[CONFIG_ANNOTATION];
  return name === undefined || configOf(gateway, scope) !== undefined ? undefined : `GatewayConfig ${namespace}/${name}`;
}

/** Its cost has a name, and is told nowhere. */
function lacksCost(limit: LimitRule): boolean {
  return limit instanceof CompiledLimit && limit.costKey !== undefined && limit.responseCost === undefined;
}

function globalCosts(config: GatewayConfig | undefined) {
  return config?.body.spec?.globalLLMRequestCosts;
}

/** Reports Gateways whose GatewayConfig is not there, and tells what in the others changes nothing. */
export function checkGatewayConfigs(scope: Scope): void {
  for (const gateway of scope.set.all(Gateway)) {
    const name = gateway.metadata.annotations[CONFIG_ANNOTATION];
    if (name === undefined || scope.set.get(GatewayConfig, gateway.metadata.namespace, name) !== undefined) continue;
    scope.report(
      gateway,
      `metadata.annotations["${CONFIG_ANNOTATION}"]`,
      scope.references.missing('GatewayConfig', gateway.metadata.namespace, name),
    );
  }
  for (const config of scope.set.all(GatewayConfig)) {
    checkProxy(config, scope);
    if (config.body.spec?.extProc !== undefined)
      scope.notice(`${nameOf(config)}: extProc has no effect: there is no external processor here`);
  }
}

/** Reports a proxy that would be this machine, in a cluster. @returns whether it may be called */
export function checkProxy(config: GatewayConfig, scope: Scope): boolean {
  const proxy = proxyAddress(config.body.spec?.forwardProxy?.address ?? '');
  return proxy === undefined || checkElsewhere(proxy.host, config, 'spec.forwardProxy.address', scope);
}
