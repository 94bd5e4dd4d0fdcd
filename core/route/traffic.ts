import type { Balance, CircuitLimits } from '../attempt/backend.ts';
import { DEFAULT_BALANCE, NO_LIMITS } from '../attempt/backend.ts';
import { DEFAULT_HEALTH_CHECK, type PassiveHealthCheck } from '../attempt/health.ts';
import { DEFAULT_RETRY, type RetryPolicy } from '../attempt/plan.ts';
import { type ConnectionSettings, DEFAULT_CONNECTIONS } from '../http/client.ts';
import type { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { durationMs } from '../resources/schema.ts';

type Spec = BackendTrafficPolicy['body']['spec'];

/** How a route treats its backends, from its BackendTrafficPolicy or by default. */
export interface Traffic {
  readonly retry: RetryPolicy | undefined;
  readonly requestTimeoutMs: number | undefined;
  readonly connections: ConnectionSettings;
  readonly limits: CircuitLimits;
  readonly balance: Balance;
  readonly check: PassiveHealthCheck;
}

export const DEFAULT_TRAFFIC: Traffic = {
  retry: undefined,
  requestTimeoutMs: undefined,
  connections: DEFAULT_CONNECTIONS,
  limits: NO_LIMITS,
  balance: DEFAULT_BALANCE,
  check: DEFAULT_HEALTH_CHECK,
};

export function trafficOf({ body: { spec } }: BackendTrafficPolicy): Traffic {
  const { requestTimeout, maxStreamDuration } = spec.timeout?.http ?? {};
  const total = [requestTimeout, maxStreamDuration].flatMap((duration) => (duration === undefined ? [] : [durationMs(duration)]));
  const finite = total.filter((ms) => ms > 0);
  return {
    retry: spec.retry === undefined ? undefined : retryOf(spec.retry),
    requestTimeoutMs: total.length === 0 ? undefined : finite.length === 0 ? 0 : Math.min(...finite),
    connections: connectionsOf(spec),
    limits: limitsOf(spec.circuitBreaker),
    balance: {
      type: spec.loadBalancer?.type ?? DEFAULT_BALANCE.type,
      panicPercent: spec.healthCheck?.panicThreshold ?? DEFAULT_BALANCE.panicPercent,
    },
    check: checkOf(spec.healthCheck?.passive),
  };
}

const STATUSES_5XX = Array.from({ length: 100 }, (_, index) => 500 + index);
/** Envoy Gateway's own choice where a policy names none. */
const DEFAULT_TRIGGERS = ['connect-failure', 'refused-stream', 'retriable-status-codes'];

/** @see https://gateway.envoyproxy.io/docs/api/extension_types/#retryon */
function retryOf(retry: NonNullable<Spec['retry']>): RetryPolicy {
  const triggers = new Set<string>(retry.retryOn?.triggers ?? DEFAULT_TRIGGERS);
  const statuses = new Set<number>();
  if (triggers.has('5xx')) for (const status of STATUSES_5XX) statuses.add(status);
  if (triggers.has('gateway-error')) for (const status of [502, 503, 504]) statuses.add(status);
  if (triggers.has('retriable-4xx')) statuses.add(409);
  if (triggers.has('retriable-status-codes')) for (const status of retry.retryOn?.httpStatusCodes ?? [503]) statuses.add(status);
  const base = durationMs(retry.perRetry?.backOff?.baseInterval ?? '25ms');
  const whole = triggers.has('5xx') || triggers.has('gateway-error');
  const perTry = durationMs(retry.perRetry?.timeout ?? '0ms');
  return {
    maxAttempts: retry.numRetries + 1,
    attemptsPerPriority:
      retry.numAttemptsPerPriority === undefined || retry.numAttemptsPerPriority === 0 ? undefined : retry.numAttemptsPerPriority,
    statuses,
    onConnectFailure: whole || triggers.has('connect-failure'),
    onReset: whole || triggers.has('reset') || triggers.has('reset-before-request'),
    backoffBaseMs: base,
    backoffMaxMs: retry.perRetry?.backOff?.maxInterval === undefined ? base * 10 : durationMs(retry.perRetry.backOff.maxInterval),
    perTryTimeoutMs: perTry === 0 ? undefined : perTry,
  };
}

/**
 * HTTPRoute `retry` (GEP-1731). No other attempt is made before `backoff` has passed. Failures to connect, connections that broke before an
 * answer, and attempts that took longer than `timeouts.backendRequest` are followed by another attempt as well.
 */
export function routeRetry(retry: {
  readonly codes?: readonly number[];
  readonly attempts?: number;
  readonly backoff?: string;
}): RetryPolicy {
  const base = durationMs(retry.backoff ?? '25ms');
  return {
    ...DEFAULT_RETRY,
    maxAttempts: (retry.attempts ?? 1) + 1,
    statuses: new Set(retry.codes ?? [500, 502, 503, 504]),
    backoffBaseMs: base,
    backoffMaxMs: base * 10,
    pauseMs: base,
  };
}

function connectionsOf(spec: Spec): ConnectionSettings {
  const idle = spec.timeout?.http?.connectionIdleTimeout;
  const connect = spec.timeout?.tcp?.connectTimeout;
  const refresh = spec.dns?.dnsRefreshRate;
  const breaker = spec.circuitBreaker;
  const keepAlive = spec.tcpKeepalive?.idleTime;
  return {
    ...DEFAULT_CONNECTIONS,
    ...(connect === undefined ? {} : { connectTimeoutMs: durationMs(connect) }),
    ...(idle === undefined ? {} : { keepAliveMs: durationMs(idle) }),
    ...(refresh === undefined ? {} : { maxAgeMs: durationMs(refresh) }),
    ...(keepAlive === undefined ? {} : { tcpKeepAliveMs: durationMs(keepAlive) }),
    ...(breaker === undefined
      ? {}
      : { maxConnections: breaker.maxConnections, maxRequestsPerConnection: breaker.maxRequestsPerConnection }),
    addressFamily: FAMILIES[spec.dns?.lookupFamily ?? 'IPv4AndIPv6'],
  };
}

const FAMILIES = { IPv4: 4, IPv6: 6, IPv4AndIPv6: 0, IPv4Preferred: 0, IPv6Preferred: 0 } as const;

function limitsOf(breaker: Spec['circuitBreaker']): CircuitLimits {
  if (breaker === undefined) return NO_LIMITS;
  const budget = breaker.retryBudget;
  return {
    maxParallelRequests: Math.min(breaker.maxParallelRequests, breaker.maxConnections + breaker.maxPendingRequests),
    maxParallelRetries: breaker.maxParallelRetries,
    retryBudget:
      budget === undefined
        ? undefined
        : { share: budget.percent.numerator / budget.percent.denominator, minimum: budget.minRetryConcurrency ?? 3 },
  };
}

function checkOf(passive: NonNullable<Spec['healthCheck']>['passive']): PassiveHealthCheck {
  if (passive === undefined) return DEFAULT_HEALTH_CHECK;
  const base = durationMs(passive.baseEjectionTime);
  return {
    consecutiveFailures: passive.consecutive5XxErrors,
    consecutiveGatewayErrors: passive.consecutiveGatewayErrors ?? 0,
    consecutiveLocalFailures: passive.splitExternalLocalOriginErrors ? passive.consecutiveLocalOriginFailures : 0,
    baseEjectionMs: base,
    // Envoy's own bound of the growing ejection time.
    maxEjectionMs: Math.max(base, 300_000),
    maxEjectionPercent: passive.maxEjectionPercent,
  };
}
