import { defineKind, type Report, type ResourceOf } from '../kind.ts';
import { Duration, durationMs, object, oneOf, type Static, Type } from '../schema.ts';
import { ENVOY_GATEWAY_GROUP } from './group.ts';
import { Count, Limit, Off, Percent, StatusCode } from './bounds.ts';
import { checkTargets, refusedTargets, targetFields } from './policy-target.ts';
import { checkRateLimit, RateLimit, REFUSED_COSTS } from './rate-limit.ts';

const Retry = object({
  numRetries: Type.Integer({ minimum: 0, maximum: 2_147_483_647, default: 2 }),
  /** Attempts, the first included, before the next priority is tried; none or 0 stays with the highest that is healthy. */
  numAttemptsPerPriority: Type.Optional(Count),
  retryOn: Type.Optional(
    object({
      triggers: Type.Optional(
        Type.Array(
          oneOf([
            '5xx',
            'gateway-error',
            'reset',
            'reset-before-request',
            'connect-failure',
            'retriable-4xx',
            // A matter of HTTP/2: it is read, and never happens on HTTP/1.1.
            'refused-stream',
            'retriable-status-codes',
          ]),
        ),
      ),
      /** They count only beside the trigger `retriable-status-codes`. */
      httpStatusCodes: Type.Optional(Type.Array(StatusCode)),
    }),
  ),
  perRetry: Type.Optional(
    object({
      timeout: Type.Optional(Duration),
      backOff: Type.Optional(object({ baseInterval: Type.Optional(Duration), maxInterval: Type.Optional(Duration) })),
    }),
  ),
});

const Timeout = object({
  http: Type.Optional(
    object({
      requestTimeout: Type.Optional(Duration),
      /** From the request sent to the stream's end; `0s` for no limit. */
      maxStreamDuration: Type.Optional(Duration),
      connectionIdleTimeout: Type.Optional(Duration),
    }),
  ),
  tcp: Type.Optional(object({ connectTimeout: Type.Optional(Duration) })),
});

const PassiveHealthCheck = object({
  consecutive5XxErrors: Type.Integer({ ...Count, default: 5 }),
  consecutiveGatewayErrors: Type.Optional(Count),
  /** Counts only when `splitExternalLocalOriginErrors` is on. */
  consecutiveLocalOriginFailures: Type.Integer({ ...Count, default: 5 }),
  splitExternalLocalOriginErrors: Type.Boolean({ default: false }),
  interval: Type.Unsafe<string>({ ...Duration, default: '3s' }),
  baseEjectionTime: Type.Unsafe<string>({ ...Duration, default: '30s' }),
  maxEjectionPercent: Type.Integer({ ...Percent, default: 10 }),
  alwaysEjectOneEndpoint: Type.Unsafe<false>({ ...Off, default: false }),
});

const LimitOr1024 = Type.Integer({ ...Limit, default: 1024 });

const CircuitBreaker = object({
  maxConnections: LimitOr1024,
  maxPendingRequests: LimitOr1024,
  maxParallelRequests: LimitOr1024,
  maxParallelRetries: LimitOr1024,
  maxRequestsPerConnection: Type.Optional(Limit),
  retryBudget: Type.Optional(
    object({
      /** Share of the requests in flight that may be retries. */
      percent: object({ numerator: Count, denominator: Type.Integer({ minimum: 1, maximum: 2_147_483_647, default: 100 }) }),
      minRetryConcurrency: Type.Optional(Count),
    }),
  ),
});

const GRPC_TRIGGER = 'it is a gRPC status, and backends are called over plain HTTP';

/** How a route calls its backends (retries, time limits, health, breakers, connections), and how much its clients may ask for. */
export const BackendTrafficPolicy = defineKind({
  kind: 'BackendTrafficPolicy',
  group: ENVOY_GATEWAY_GROUP,
  versions: ['v1alpha1'],
  namespaced: true,
  schema: object({
    spec: object({
      ...targetFields(['Gateway', 'HTTPRoute']),
      retry: Type.Optional(Retry),
      timeout: Type.Optional(Timeout),
      healthCheck: Type.Optional(object({ passive: Type.Optional(PassiveHealthCheck), panicThreshold: Type.Optional(Percent) })),
      circuitBreaker: Type.Optional(CircuitBreaker),
      loadBalancer: Type.Optional(object({ type: oneOf(['RoundRobin', 'LeastRequest', 'Random']) })),
      rateLimit: Type.Optional(RateLimit),
      tcpKeepalive: Type.Optional(object({ idleTime: Type.Optional(Duration) })),
      dns: Type.Optional(
        object({
          dnsRefreshRate: Type.Optional(Duration),
          respectDnsTtl: Type.Optional(Off),
          lookupFamily: Type.Optional(oneOf(['IPv4', 'IPv6', 'IPv4Preferred', 'IPv6Preferred', 'IPv4AndIPv6'])),
        }),
      ),
    }),
  }),
  refused: {
    ...refusedTargets(['GRPCRoute', 'TCPRoute', 'UDPRoute', 'TLSRoute']),
    'spec.mergeType': 'policies are not merged: the most specific one holds in full',
    ...REFUSED_COSTS,
    'spec.retry.retryOn.triggers[]=cancelled': GRPC_TRIGGER,
    'spec.retry.retryOn.triggers[]=deadline-exceeded': GRPC_TRIGGER,
    'spec.retry.retryOn.triggers[]=internal': GRPC_TRIGGER,
    'spec.retry.retryOn.triggers[]=resource-exhausted': GRPC_TRIGGER,
    'spec.retry.retryOn.triggers[]=unavailable': GRPC_TRIGGER,
    'spec.timeout.http.maxConnectionDuration': 'connections to backends are closed when idle, not by age',
    'spec.timeout.http.streamIdleTimeout': 'a stream is limited as a whole, by maxStreamDuration',
    'spec.healthCheck.active': 'backends are not probed; their health is read from the answers to requests (healthCheck.passive)',
    'spec.healthCheck.passive.alwaysEjectOneEndpoint=true': 'maxEjectionPercent alone says how many may be ejected',
    'spec.healthCheck.passive.failurePercentageThreshold': 'only failures in a row are counted, not their share',
    'spec.circuitBreaker.perEndpoint': 'the limits hold for a backend, not for each of its endpoints',
    'spec.loadBalancer.type=ConsistentHash': 'requests are not pinned to an endpoint by a hash',
    'spec.loadBalancer.type=BackendUtilization': 'load reports of backends are not read',
    'spec.loadBalancer.type=DynamicModule': 'Envoy modules cannot be loaded',
    'spec.loadBalancer.consistentHash': 'requests are not pinned to an endpoint by a hash',
    'spec.loadBalancer.backendUtilization': 'load reports of backends are not read',
    'spec.loadBalancer.dynamicModule': 'Envoy modules cannot be loaded',
    'spec.loadBalancer.endpointOverride': 'a request cannot name the endpoint it is sent to',
    'spec.loadBalancer.slowStart': 'a new endpoint takes its full share at once',
    'spec.loadBalancer.zoneAware': 'endpoints of all zones are used alike',
    'spec.tcpKeepalive.probes': 'the number of probes is that of the operating system',
    'spec.tcpKeepalive.interval': 'the interval of probes is that of the operating system',
    'spec.dns.respectDnsTtl=true': 'the resolver of the operating system does not tell the age of its answers; set dnsRefreshRate',
    'spec.admissionControl': 'requests are not rejected by their success rate; circuitBreaker limits a backend in trouble',
    'spec.bandwidthLimit': 'bytes per second are not limited',
    'spec.compression': 'answers pass as the backend encoded them',
    'spec.compressor': 'answers pass as the backend encoded them',
    'spec.connection': 'buffers of sockets and connections made ahead of need cannot be set',
    'spec.faultInjection': 'faults are not injected; the simulator has them',
    'spec.http2': 'backends are called over HTTP/1.1',
    'spec.httpUpgrade': 'connections are not upgraded',
    'spec.proxyProtocol': 'the PROXY protocol is not spoken to backends',
    'spec.requestBuffer': 'request bodies are always read in full; ClientTrafficPolicy connection.bufferLimit sets how large they may be',
    'spec.responseOverride': 'answers of backends are not replaced',
    'spec.routingType': 'there is no Service address to choose: endpoints are called directly',
    'spec.telemetry': 'traces and metrics have one form for all routes',
    'spec.useClientProtocol': 'backends are called over HTTP/1.1, whatever the client speaks',
  },
  rules({ spec }, report) {
    checkTargets(spec, report);
    checkBackOff(spec.retry?.perRetry?.backOff ?? {}, report);
    if (spec.rateLimit !== undefined) checkRateLimit(spec.rateLimit, 'spec.rateLimit', report);
    const share = spec.circuitBreaker?.retryBudget?.percent;
    if (share !== undefined && share.numerator > share.denominator) {
      report(
        'spec.circuitBreaker.retryBudget.percent.numerator',
        `must be at most the denominator, ${share.denominator}, not ${share.numerator}`,
      );
    }
  },
});
export type BackendTrafficPolicy = ResourceOf<typeof BackendTrafficPolicy>;

type BackOff = NonNullable<NonNullable<Static<typeof Retry>['perRetry']>['backOff']>;

/** Envoy refuses a longest wait that is below the first one. */
function checkBackOff({ baseInterval, maxInterval }: BackOff, report: Report): void {
  if (baseInterval === undefined || maxInterval === undefined || durationMs(maxInterval) >= durationMs(baseInterval)) return;
  report('spec.retry.perRetry.backOff.maxInterval', `must be at least baseInterval, ${baseInterval}, not ${maxInterval}`);
}
