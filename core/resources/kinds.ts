import { AIGatewayRoute } from './ai-gateway/ai-gateway-route.ts';
import { AIServiceBackend } from './ai-gateway/ai-service-backend.ts';
import { BackendSecurityPolicy } from './ai-gateway/backend-security-policy.ts';
import { GatewayConfig } from './ai-gateway/gateway-config.ts';
import { MCPRoute } from './ai-gateway/mcp-route.ts';
import { QuotaPolicy } from './ai-gateway/quota-policy.ts';
import { Backend } from './envoy-gateway/backend.ts';
import { BackendTrafficPolicy } from './envoy-gateway/backend-traffic-policy.ts';
import { ClientTrafficPolicy } from './envoy-gateway/client-traffic-policy.ts';
import { SecurityPolicy } from './envoy-gateway/security-policy.ts';
import { BackendTLSPolicy } from './gateway-api/backend-tls-policy.ts';
import { GatewayClass } from './gateway-api/gateway-class.ts';
import { Gateway } from './gateway-api/gateway.ts';
import { HTTPRoute } from './gateway-api/http-route.ts';
import { ReferenceGrant } from './gateway-api/reference-grant.ts';
import { FormerInferenceModelRewrite, InferenceModelRewrite } from './inference/inference-model-rewrite.ts';
import { FormerInferenceObjective, InferenceObjective } from './inference/inference-objective.ts';
import { InferencePool } from './inference/inference-pool.ts';
import type { KindDefinition } from './kind.ts';
import { ConfigMap } from './kubernetes/config-map.ts';
import { Secret } from './kubernetes/secret.ts';
import { Service } from './kubernetes/service.ts';
import { Budget } from './tierkit/budget.ts';
import { MCPToolLock } from './tierkit/mcp-tool-lock.ts';
import { PriceTable } from './tierkit/price-table.ts';
import { TokenExchange } from './tierkit/token-exchange.ts';
import { TracePolicy } from './tierkit/trace-policy.ts';

/** Every kind that is read, by name; where two groups have one name, the group to prefer comes first. */
export const KINDS: readonly KindDefinition[] = [
  AIGatewayRoute,
  AIServiceBackend,
  Backend,
  BackendSecurityPolicy,
  BackendTLSPolicy,
  BackendTrafficPolicy,
  Budget,
  ClientTrafficPolicy,
  ConfigMap,
  Gateway,
  GatewayClass,
  GatewayConfig,
  HTTPRoute,
  InferenceModelRewrite,
  FormerInferenceModelRewrite,
  InferenceObjective,
  FormerInferenceObjective,
  InferencePool,
  MCPRoute,
  MCPToolLock,
  PriceTable,
  QuotaPolicy,
  ReferenceGrant,
  Secret,
  SecurityPolicy,
  Service,
  TokenExchange,
  TracePolicy,
] as readonly KindDefinition[];
