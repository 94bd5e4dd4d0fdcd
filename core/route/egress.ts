import { type ForwardProxy, proxyAddress } from '../http/forward-proxy.ts';
import { authorityOf, type Origin } from '../http/origin.ts';
import type { Gateway } from '../resources/gateway-api/gateway.ts';
import { nameOf } from '../resources/kind.ts';

import { checkProxy, configOf, missingConfig } from './gateway-configs.ts';
import { elsewhere, type Origins } from './origins.ts';
import type { Scope } from './scope.ts';

/** How the calls of the AIGatewayRoutes of a Gateway go out. */
export interface Egress {
  /** Undefined: directly. */
  readonly proxy: ForwardProxy | undefined;
  /** Name of what should say it, and cannot: then nothing goes out. */
  readonly broken: string | undefined;
}

export const DIRECT: Egress = { proxy: undefined, broken: undefined };

/**
 * GatewayConfig `forwardProxy`, of the Gateways that name it. As in the reference it is for the AIServiceBackends of AIGatewayRoutes,
 * with TLS and without, and not for the pods of an InferencePool, nor for HTTPRoutes, mirrors, key sets and the servers of tokens. Unlike there,
 * a route at two Gateways has the proxy of each, and what does not leave the platform is called directly: tier two, and names of the cluster.
 * @see https://aigateway.envoyproxy.io/docs/capabilities/gateway-config
 */
export function egressOf(gateway: Gateway, scope: Scope): Egress {
  const broken = missingConfig(gateway, scope);
  if (broken !== undefined) return { proxy: undefined, broken };
  const config = configOf(gateway, scope);
  const address = config?.body.spec?.forwardProxy?.address;
  if (config === undefined || address === undefined) return DIRECT;
  if (!checkProxy(config, scope)) return { proxy: undefined, broken: nameOf(config) };
  return { proxy: { ...proxyAddress(address)!, ...elsewhere(scope) }, broken: undefined };
}

/** A name for keys. */
export function nameOfProxy({ proxy }: Pick<Scope, 'proxy'>): string {
  return proxy === undefined ? '' : authorityOf(proxy);
}

const NAME_OF_CLUSTER = /\.svc(\.cluster\.local)?\.?$/i;

/** The origins of an AIServiceBackend, each by way of the proxy of the Gateway. */
export function goingOut(origins: Origins, { proxy }: Pick<Scope, 'proxy'>): Origins {
  if (proxy === undefined) return origins;
  const through = (origin: Origin): Origin => (NAME_OF_CLUSTER.test(origin.host) ? origin : { ...origin, proxy });
  return { ...origins, origins: origins.origins.map(through) };
}
