import { proxyAddress } from '../../http/forward-proxy.ts';
import { defineKind, type ResourceOf } from '../kind.ts';
import { object, Type } from '../schema.ts';
import { AI_GATEWAY_GROUP, AI_GATEWAY_VERSIONS } from './group.ts';
import { checkRequestCosts, LLMRequestCost } from './llm-request-cost.ts';

/** Settings of the Gateways that name it in their annotation `aigateway.envoyproxy.io/gateway-config`. */
export const GatewayConfig = defineKind({
  kind: 'GatewayConfig',
  group: AI_GATEWAY_GROUP,
  versions: AI_GATEWAY_VERSIONS,
  namespaced: true,
  schema: object({
    spec: Type.Optional(
      object({
        // The container of Envoy AI Gateway's external processor. There is none here, so nothing in it is read.
        extProc: Type.Optional(Type.Unknown()),
        /** The proxy that calls to backends of AIGatewayRoutes go through: HTTP CONNECT, without TLS to it and without a login. */
        forwardProxy: Type.Optional(object({ address: Type.String({ minLength: 1 }) })),
        globalLLMRequestCosts: Type.Optional(Type.Array(LLMRequestCost)),
      }),
    ),
  }),
  refused: {},
  rules: ({ spec }, report) => {
    checkRequestCosts(spec?.globalLLMRequestCosts, 'spec.globalLLMRequestCosts', report);
    const address = spec?.forwardProxy?.address;
    // The value is not told: where an address is none, it can be a URL with a password.
    if (address !== undefined && proxyAddress(address) === undefined)
      report('spec.forwardProxy.address', 'must be host:port, such as "proxy.example.com:3128" or "[fd00::1]:3128"');
  },
});
export type GatewayConfig = ResourceOf<typeof GatewayConfig>;
