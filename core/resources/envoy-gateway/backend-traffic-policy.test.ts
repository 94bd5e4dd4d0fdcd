import { describe, expect, it } from 'vitest';

import { validate } from '../validate.ts';
import { BackendTrafficPolicy } from './backend-traffic-policy.ts';

const targetRef = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'chat' };

function problemsOfSpec(spec: object): string[] {
  const found: string[] = [];
  validate(BackendTrafficPolicy, { spec }, (path, message) => found.push(`${path}: ${message}`));
  return found;
}

/** Validates a copy: defaults are filled in place, and the fixtures are shared. */
const problems = (fields: object) => problemsOfSpec(JSON.parse(JSON.stringify({ targetRef, ...fields })) as object);

describe('BackendTrafficPolicy', () => {
  it.each([
    ['a target alone', {}],
    [
      'retries',
      {
        retry: {
          numRetries: 0,
          numAttemptsPerPriority: 1,
          retryOn: { triggers: ['5xx', 'connect-failure', 'refused-stream', 'retriable-status-codes'], httpStatusCodes: [100, 429, 599] },
          perRetry: { timeout: '1m30s', backOff: { baseInterval: '100ms', maxInterval: '100ms' } },
        },
      },
    ],
    [
      'time limits',
      { timeout: { http: { requestTimeout: '0s', maxStreamDuration: '1h', connectionIdleTimeout: '90s' }, tcp: { connectTimeout: '5s' } } },
    ],
    [
      'health',
      {
        healthCheck: {
          panicThreshold: 0,
          passive: { consecutiveGatewayErrors: 3, maxEjectionPercent: 100, alwaysEjectOneEndpoint: false },
        },
      },
    ],
    [
      'breakers',
      { circuitBreaker: { maxConnections: 0, maxParallelRequests: 4_294_967_295, retryBudget: { percent: { numerator: 100 } } } },
    ],
    ['a load balancer', { loadBalancer: { type: 'LeastRequest' } }],
    [
      'connections and names',
      {
        tcpKeepalive: { idleTime: '30s' },
        dns: { dnsRefreshRate: '30s', respectDnsTtl: false, lookupFamily: 'IPv4AndIPv6' },
      },
    ],
  ])('takes %s', (_name, fields) => {
    expect(problems(fields)).toEqual([]);
  });

  it('takes several targets, with a section', () => {
    expect(problemsOfSpec({ targetRefs: [targetRef, { ...targetRef, kind: 'Gateway', sectionName: 'https' }] })).toEqual([]);
  });

  it('fills in the defaults of the CRD, and nothing where a part is absent', () => {
    const fields = {
      retry: {},
      healthCheck: { passive: {} },
      circuitBreaker: { retryBudget: { percent: { numerator: 20 } } },
      timeout: {},
    };
    const spec = { targetRef, ...fields };
    expect(problemsOfSpec(spec)).toEqual([]);
    expect(spec).toEqual({
      targetRef,
      retry: { numRetries: 2 },
      healthCheck: {
        passive: {
          consecutive5XxErrors: 5,
          consecutiveLocalOriginFailures: 5,
          splitExternalLocalOriginErrors: false,
          interval: '3s',
          baseEjectionTime: '30s',
          maxEjectionPercent: 10,
          alwaysEjectOneEndpoint: false,
        },
      },
      circuitBreaker: {
        maxConnections: 1024,
        maxPendingRequests: 1024,
        maxParallelRequests: 1024,
        maxParallelRetries: 1024,
        retryBudget: { percent: { numerator: 20, denominator: 100 } },
      },
      timeout: {},
    });
  });

  it.each([
    ['no target', {}, ['spec: one of targetRef and targetRefs is required']],
    ['both fields', { targetRef, targetRefs: [targetRef] }, ['spec.targetRef: cannot be used together with targetRefs']],
    ['an empty list', { targetRefs: [] }, ['spec.targetRefs: names no target, so the policy would apply to nothing']],
    [
      'another group',
      { targetRefs: [targetRef, { ...targetRef, group: 'gateway.envoyproxy.io' }] },
      ['spec.targetRefs[1].group: must be one of gateway.networking.k8s.io, not "gateway.envoyproxy.io"'],
    ],
    [
      'a misspelt kind',
      { targetRef: { ...targetRef, kind: 'HttpRoute ' } },
      ['spec.targetRef.kind: must be one of Gateway, HTTPRoute, not "HttpRoute "; did you mean "HTTPRoute"?'],
    ],
    [
      'a kind that is not served',
      { targetRef: { ...targetRef, kind: 'GRPCRoute' } },
      ['spec.targetRef.kind: "GRPCRoute" is not supported: the gateway serves HTTP routes only'],
    ],
    [
      'a kind that is not served, in the list',
      { targetRefs: [{ ...targetRef, kind: 'UDPRoute' }] },
      ['spec.targetRefs[0].kind: "UDPRoute" is not supported: the gateway serves HTTP routes only'],
    ],
    [
      'labels',
      { targetSelectors: [{ kind: 'HTTPRoute', matchLabels: { a: 'b' } }] },
      ['spec.targetSelectors: is not supported: name the targets in targetRefs; labels select nothing here'],
    ],
    ['no name', { targetRef: { group: targetRef.group, kind: 'Gateway' } }, ['spec.targetRef.name: is required']],
  ])('reports targets: %s', (_name, spec, expected) => {
    expect(problemsOfSpec(spec)).toEqual(expected);
  });

  it.each([
    ['fewer than no retries', { retry: { numRetries: -1 } }, ['spec.retry.numRetries: must be >= 0, not -1']],
    ['half a retry', { retry: { numRetries: 1.5 } }, ['spec.retry.numRetries: must be integer, not 1.5']],
    [
      'a status that is none',
      { retry: { retryOn: { httpStatusCodes: [99, 600] } } },
      [expect.stringContaining('[0]: must be >= 100'), expect.stringContaining('[1]: must be <= 599')],
    ],
    [
      'an unknown trigger',
      { retry: { retryOn: { triggers: ['gateway-errors'] } } },
      [expect.stringMatching(/^spec\.retry\.retryOn\.triggers\[0\]: must be one of 5xx, .*did you mean "gateway-error"\?$/)],
    ],
    [
      'a longest wait below the first',
      { retry: { perRetry: { backOff: { baseInterval: '1s', maxInterval: '999ms' } } } },
      ['spec.retry.perRetry.backOff.maxInterval: must be at least baseInterval, 1s, not 999ms'],
    ],
    ['a duration without unit', { timeout: { http: { requestTimeout: '30' } } }, ['spec.timeout.http.requestTimeout: "30" is no duration']],
    [
      'a duration that is a number',
      { timeout: { tcp: { connectTimeout: 5 } } },
      ['spec.timeout.tcp.connectTimeout: must be string, not 5'],
    ],
    ['more than all', { healthCheck: { panicThreshold: 101 } }, ['spec.healthCheck.panicThreshold: must be <= 100, not 101']],
    [
      'a budget of more than all',
      { circuitBreaker: { retryBudget: { percent: { numerator: 3, denominator: 2 } } } },
      ['spec.circuitBreaker.retryBudget.percent.numerator: must be at most the denominator, 2, not 3'],
    ],
    [
      'a budget above the denominator that the CRD fills in',
      { circuitBreaker: { retryBudget: { percent: { numerator: 101 } } } },
      ['spec.circuitBreaker.retryBudget.percent.numerator: must be at most the denominator, 100, not 101'],
    ],
    [
      '33 bits',
      { circuitBreaker: { maxConnections: 4_294_967_296 } },
      ['spec.circuitBreaker.maxConnections: must be <= 4294967295, not 4294967296'],
    ],
    ['a load balancer without type', { loadBalancer: {} }, ['spec.loadBalancer.type: is required']],
    ['a misspelt field', { timeouts: {} }, ['spec.timeouts: unknown field; did you mean "timeout"?']],
    [
      'a misspelt field below',
      { timeout: { http: { requestTimeOut: '1s' } } },
      ['spec.timeout.http.requestTimeOut: unknown field; did you mean "requestTimeout"?'],
    ],
  ])('reports %s', (_name, fields, expected) => {
    expect(problems(fields)).toEqual(expected);
  });

  it.each([
    [
      'a gRPC trigger',
      { retry: { retryOn: { triggers: ['5xx', 'unavailable'] } } },
      'spec.retry.retryOn.triggers[1]: "unavailable" is not supported: it is a gRPC',
    ],
    [
      'a hash',
      { loadBalancer: { type: 'ConsistentHash' } },
      'spec.loadBalancer.type: "ConsistentHash" is not supported: requests are not pinned',
    ],
    ['zones', { loadBalancer: { type: 'Random', zoneAware: {} } }, 'spec.loadBalancer.zoneAware: is not supported: endpoints of all zones'],
    ['probes', { healthCheck: { active: { type: 'TCP' } } }, 'spec.healthCheck.active: is not supported: backends are not probed'],
    [
      'alwaysEjectOneEndpoint when on',
      { healthCheck: { passive: { alwaysEjectOneEndpoint: true } } },
      'spec.healthCheck.passive.alwaysEjectOneEndpoint: true is not supported: maxEjectionPercent',
    ],
    [
      'streamIdleTimeout',
      { timeout: { http: { streamIdleTimeout: '1s' } } },
      'spec.timeout.http.streamIdleTimeout: is not supported: a stream is limited',
    ],
    [
      'perEndpoint',
      { circuitBreaker: { perEndpoint: { maxConnections: 1 } } },
      'spec.circuitBreaker.perEndpoint: is not supported: the limits hold',
    ],
    ['requestBuffer', { requestBuffer: { limit: '4Mi' } }, 'spec.requestBuffer: is not supported: request bodies'],
  ])('refuses %s by name', (_name, fields, expected) => {
    expect(problems(fields)).toEqual([expect.stringContaining(expected)]);
  });
});
