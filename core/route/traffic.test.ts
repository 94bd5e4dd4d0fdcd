import { BackendTrafficPolicy } from '../resources/envoy-gateway/backend-traffic-policy.ts';
import { Loader } from '../resources/load.ts';
import { formatProblem } from '../resources/problem.ts';
import { describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from './route.fixture.ts';
import { DEFAULT_TRAFFIC, type Traffic, trafficOf } from './traffic.ts';

const policyYaml = (spec: string) => `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: t}
spec: {targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: r}]${spec === '' ? '' : `, ${spec}`}}
`;

/** What a policy comes to, with the CRD's defaults filled in. */
function traffic(spec: string): Traffic {
  const { set, problems } = new Loader().load({ paths: [], texts: [{ file: 't', text: policyYaml(spec) }], env: {} });
  expect(problems.map(formatProblem)).toEqual([]);
  return trafficOf(set.all(BackendTrafficPolicy)[0]!);
}

it('changes nothing where it says nothing', () => {
  expect(traffic('')).toEqual(DEFAULT_TRAFFIC);
});

describe('retry', () => {
  const none = { onConnectFailure: false, onReset: false };
  it.each<[string, string, object]>([
    [
      'Envoy Gateway chooses the triggers where none is named',
      '{}',
      { maxAttempts: 3, statuses: [503], onConnectFailure: true, onReset: false, backoffBaseMs: 25, backoffMaxMs: 250 },
    ],
    ['number', '{numRetries: 0}', { maxAttempts: 1 }],
    ['attempts at one priority', '{numAttemptsPerPriority: 2}', { attemptsPerPriority: 2 }],
    ['no attempts at one priority is no such limit', '{numAttemptsPerPriority: 0}', { attemptsPerPriority: undefined }],
    ['connect-failure', '{retryOn: {triggers: [connect-failure]}}', { statuses: [], onConnectFailure: true, onReset: false }],
    ['reset', '{retryOn: {triggers: [reset]}}', { ...none, statuses: [], onReset: true }],
    ['reset-before-request', '{retryOn: {triggers: [reset-before-request]}}', { ...none, onReset: true }],
    ['retriable-4xx', '{retryOn: {triggers: [retriable-4xx]}}', { ...none, statuses: [409] }],
    ['gateway-error', '{retryOn: {triggers: [gateway-error]}}', { statuses: [502, 503, 504], onConnectFailure: true, onReset: true }],
    [
      'statuses, with their trigger',
      '{retryOn: {triggers: [retriable-status-codes], httpStatusCodes: [429, 500]}}',
      { ...none, statuses: [429, 500] },
    ],
    ['statuses, without their trigger', '{retryOn: {triggers: [reset], httpStatusCodes: [429]}}', { statuses: [] }],
    ['statuses, with the default triggers', '{retryOn: {httpStatusCodes: [429]}}', { statuses: [429], onConnectFailure: true }],
    ['refused-stream, which is of HTTP/2', '{retryOn: {triggers: [refused-stream]}}', { ...none, statuses: [] }],
    ['time for one attempt', '{perRetry: {timeout: 2s}}', { perTryTimeoutMs: 2000 }],
    ['no time for one attempt', '{perRetry: {timeout: 0s}}', { perTryTimeoutMs: undefined }],
    ['first pause', '{perRetry: {backOff: {baseInterval: 100ms}}}', { backoffBaseMs: 100, backoffMaxMs: 1000 }],
    ['longest pause', '{perRetry: {backOff: {baseInterval: 100ms, maxInterval: 1m}}}', { backoffBaseMs: 100, backoffMaxMs: 60_000 }],
  ])('%s', (_name, retry, expected) => {
    const { statuses, ...rest } = traffic(`retry: ${retry}`).retry!;
    expect({ ...rest, statuses: [...statuses] }).toMatchObject(expected);
  });

  it('5xx is every one of them, and no answer at all', () => {
    const { statuses, onConnectFailure, onReset } = traffic('retry: {retryOn: {triggers: [5xx]}}').retry!;
    expect([statuses.size, statuses.has(500), statuses.has(599), statuses.has(499), onConnectFailure, onReset]).toEqual([
      100,
      true,
      true,
      false,
      true,
      true,
    ]);
  });
});

it.each<[string, number | undefined]>([
  ['timeout: {http: {requestTimeout: 90s}}', 90_000],
  ['timeout: {http: {requestTimeout: 90s, maxStreamDuration: 1m}}', 60_000],
  ['timeout: {http: {maxStreamDuration: 10m}}', 600_000],
  // Nought is no limit, and does not lift the other one.
  ['timeout: {http: {requestTimeout: 0s, maxStreamDuration: 1m}}', 60_000],
  ['timeout: {http: {requestTimeout: 0s}}', 0],
  ['timeout: {http: {connectionIdleTimeout: 1m}}', undefined],
])('%s: %s', (spec, ms) => {
  expect(traffic(spec).requestTimeoutMs).toBe(ms);
});

it.each<[string, object]>([
  ['timeout: {tcp: {connectTimeout: 3s}}', { connectTimeoutMs: 3000 }],
  ['timeout: {http: {connectionIdleTimeout: 10s}}', { keepAliveMs: 10_000 }],
  ['dns: {dnsRefreshRate: 30s}', { maxAgeMs: 30_000 }],
  ['dns: {lookupFamily: IPv4}', { addressFamily: 4 }],
  ['dns: {lookupFamily: IPv6}', { addressFamily: 6 }],
  ['dns: {lookupFamily: IPv4AndIPv6}', { addressFamily: 0 }],
  ['tcpKeepalive: {idleTime: 20s}', { tcpKeepAliveMs: 20_000 }],
  ['circuitBreaker: {maxConnections: 5, maxRequestsPerConnection: 9}', { maxConnections: 5, maxRequestsPerConnection: 9 }],
  ['circuitBreaker: {}', { maxConnections: 1024, maxRequestsPerConnection: undefined }],
])('connections: %s', (spec, changed) => {
  expect(traffic(spec).connections).toEqual({ ...DEFAULT_TRAFFIC.connections, ...changed });
});

it.each<[string, object]>([
  ['{}', { maxParallelRequests: 1024, maxParallelRetries: 1024, retryBudget: undefined }],
  ['{maxParallelRequests: 10, maxParallelRetries: 2}', { maxParallelRequests: 10, maxParallelRetries: 2 }],
  // What may neither be sent nor wait is refused.
  ['{maxConnections: 3, maxPendingRequests: 4}', { maxParallelRequests: 7 }],
  ['{maxConnections: 3, maxPendingRequests: 0}', { maxParallelRequests: 3 }],
  ['{retryBudget: {percent: {numerator: 1, denominator: 4}}}', { retryBudget: { share: 0.25, minimum: 3 } }],
  ['{retryBudget: {percent: {numerator: 20}, minRetryConcurrency: 0}}', { retryBudget: { share: 0.2, minimum: 0 } }],
])('circuit breaker: %s', (breaker, limits) => {
  expect(traffic(`circuitBreaker: ${breaker}`).limits).toMatchObject(limits);
});

it.each<[string, object]>([
  ['loadBalancer: {type: Random}', { type: 'Random', panicPercent: 0 }],
  ['loadBalancer: {type: RoundRobin}, healthCheck: {panicThreshold: 40}', { type: 'RoundRobin', panicPercent: 40 }],
])('balance: %s', (spec, balance) => {
  expect(traffic(spec).balance).toEqual(balance);
});

it.each<[string, object]>([
  [
    '{}',
    {
      consecutiveFailures: 5,
      consecutiveGatewayErrors: 0,
      consecutiveLocalFailures: 0,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
    },
  ],
  ['{consecutive5XxErrors: 2, consecutiveGatewayErrors: 3}', { consecutiveFailures: 2, consecutiveGatewayErrors: 3 }],
  ['{consecutiveLocalOriginFailures: 4}', { consecutiveLocalFailures: 0 }],
  ['{consecutiveLocalOriginFailures: 4, splitExternalLocalOriginErrors: true}', { consecutiveLocalFailures: 4 }],
  ['{baseEjectionTime: 10m, maxEjectionPercent: 50}', { baseEjectionMs: 600_000, maxEjectionMs: 600_000, maxEjectionPercent: 50 }],
])('passive health check: %s', (passive, check) => {
  expect(traffic(`healthCheck: {passive: ${passive}}`).check).toMatchObject(check);
});

const ordinaryPlan = (rule: string, policy?: string) => {
  const routes = routesOf(
    gatewayYaml() +
      httpRouteYaml('r', `rules: [{${TO_B}${rule === '' ? '' : `, ${rule}`}}]`) +
      (policy === undefined ? '' : policyYaml(policy)),
  );
  expect(routes.problems).toEqual([]);
  return routes.ordinary('/').plan;
};

describe('the plan of an HTTPRoute', () => {
  it('asks once and waits for ever where nobody says otherwise', () => {
    expect(ordinaryPlan('')).toMatchObject({
      requestTimeoutMs: 0,
      requestTimeoutIsTotal: false,
      retry: { maxAttempts: 1, perTryTimeoutMs: undefined },
    });
    expect(ordinaryPlan('').retry.statuses.size).toBe(0);
  });

  it.each<[string, string, string | undefined, object]>([
    [
      'its own time limits',
      'timeouts: {request: 10s, backendRequest: 2s}',
      undefined,
      { requestTimeoutMs: 10_000, requestTimeoutIsTotal: true, retry: { perTryTimeoutMs: 2000 } },
    ],
    ['those of the policy', '', 'timeout: {http: {requestTimeout: 5s}}', { requestTimeoutMs: 5000, requestTimeoutIsTotal: true }],
    [
      'its own before those of the policy',
      'timeouts: {request: 10s}',
      'timeout: {http: {requestTimeout: 5s}}',
      { requestTimeoutMs: 10_000 },
    ],
    ['its own, which is none', 'timeouts: {request: 0s}', 'timeout: {http: {requestTimeout: 5s}}', { requestTimeoutMs: 0 }],
    [
      'its own retries',
      'retry: {attempts: 2, codes: [500], backoff: 100ms}',
      undefined,
      { retry: { maxAttempts: 3, backoffBaseMs: 100, backoffMaxMs: 1000 } },
    ],
    ['those of the policy', '', 'retry: {numRetries: 5}', { retry: { maxAttempts: 6 } }],
    ['its own before those of the policy', 'retry: {attempts: 1}', 'retry: {numRetries: 5}', { retry: { maxAttempts: 2 } }],
    [
      'retries of the policy with its own time for each',
      'timeouts: {backendRequest: 1s}',
      'retry: {numRetries: 5, perRetry: {timeout: 9s}}',
      { retry: { maxAttempts: 6, perTryTimeoutMs: 1000 } },
    ],
  ])('%s', (_name, rule, policy, expected) => {
    expect(ordinaryPlan(rule, policy)).toMatchObject(expected);
  });
});

const aiPlan = (rule: string, policy?: string) => {
  const route = aiRouteYaml('r', `{matches: [${model('m')}], backendRefs: [{name: ai}]${rule === '' ? '' : `, ${rule}`}}`);
  const routes = routesOf(gatewayYaml() + aiBackendYaml('ai') + route + (policy === undefined ? '' : policyYaml(policy)));
  expect(routes.problems).toEqual([]);
  return routes.ai('m').plan;
};

describe('the plan of an AIGatewayRoute', () => {
  it.each<[string, string, string | undefined, object]>([
    [
      'a minute to the first token, and each backend once',
      '',
      undefined,
      {
        requestTimeoutMs: 60_000,
        requestTimeoutIsTotal: false,
        streamIdleTimeoutMs: 300_000,
        keepAliveMs: 0,
        retry: { maxAttempts: undefined },
      },
    ],
    [
      'its own time limits',
      'timeouts: {request: 10s, backendRequest: 2s}, streamIdleTimeout: 7s',
      undefined,
      { requestTimeoutMs: 10_000, requestTimeoutIsTotal: true, streamIdleTimeoutMs: 7000, retry: { perTryTimeoutMs: 2000 } },
    ],
    [
      'no time limit',
      'timeouts: {request: 0s}',
      'timeout: {http: {requestTimeout: 5s}}',
      { requestTimeoutMs: 0, requestTimeoutIsTotal: true },
    ],
    [
      'those of the policy',
      '',
      'timeout: {http: {requestTimeout: 5s}}, retry: {numRetries: 1}',
      { requestTimeoutMs: 5000, requestTimeoutIsTotal: true, retry: { maxAttempts: 2 } },
    ],
  ])('%s', (_name, rule, policy, expected) => {
    expect(aiPlan(rule, policy)).toMatchObject(expected);
  });
});
