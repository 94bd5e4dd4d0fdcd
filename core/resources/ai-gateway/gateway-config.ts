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
        globalLLMRequestCosts: Type.Optional(Type.Array(LLMRequestCost)),
      }),
    ),
  }),
  refused: {
    'spec.forwardProxy': 'calls to backends go out directly; a forward proxy is not served yet',
  },
  rules: ({ spec }, report) => {
    checkRequestCosts(spec?.globalLLMRequestCosts, 'spec.globalLLMRequestCosts', report);
  },
});
export type GatewayConfig = ResourceOf<typeof GatewayConfig>;
