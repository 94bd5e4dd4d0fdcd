import { defineKind, type ResourceOf } from '../kind.ts';
import { Duration, object, oneOf, Type } from '../schema.ts';
import { isAddressRange } from './address.ts';
import { ENVOY_GATEWAY_GROUP } from './group.ts';
import { Count, Off } from './bounds.ts';
import { checkTargets, refusedTargets, targetFields } from './policy-target.ts';
import { ByteQuantity } from './quantity.ts';

const Connection = object({
  connectionLimit: Type.Optional(
    object({
      /** Connections that are open at one time. */
      value: Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER })),
      /** How long a connection beyond the limit is held before it is closed. */
      closeDelay: Type.Optional(Duration),
    }),
  ),
  /** The largest request body that is taken. */
  bufferLimit: Type.Optional(ByteQuantity),
  /** Envoy's own tuning: its default is read, as clusters write it into every policy, and changes nothing. */
  maxAcceptPerSocketEvent: Type.Integer({ ...Count, default: 1 }),
});

const PATHS = 'a path with an escaped slash or backslash can be read in two ways, and is answered with 400';

/** How a gateway treats its clients: time limits, connections, size of requests, whose address counts. */
export const ClientTrafficPolicy = defineKind({
  kind: 'ClientTrafficPolicy',
  group: ENVOY_GATEWAY_GROUP,
  versions: ['v1alpha1'],
  namespaced: true,
  schema: object({
    spec: object({
      ...targetFields(['Gateway']),
      timeout: Type.Optional(
        object({
          http: Type.Optional(object({ requestReceivedTimeout: Type.Optional(Duration), idleTimeout: Type.Optional(Duration) })),
        }),
      ),
      connection: Type.Optional(Connection),
      path: Type.Optional(
        object({ escapedSlashesAction: Type.Optional(oneOf(['RejectRequest'])), disableMergeSlashes: Type.Optional(Off) }),
      ),
      clientIPDetection: Type.Optional(
        object({
          xForwardedFor: Type.Optional(
            object({
              /** The client is the address at this place of X-Forwarded-For, counted from its end. */
              numTrustedHops: Type.Optional(Count),
              /** Proxies whose word in X-Forwarded-For is taken. */
              trustedCIDRs: Type.Optional(Type.Array(Type.String(), { minItems: 1 })),
            }),
          ),
        }),
      ),
    }),
  }),
  refused: {
    ...refusedTargets([]),
    'spec.timeout.http.streamIdleTimeout': 'a stream is limited as a whole, by maxStreamDuration of a BackendTrafficPolicy',
    'spec.timeout.tcp': 'clients speak HTTP; timeout.http.idleTimeout closes their idle connections',
    'spec.connection.socketBufferLimit': 'buffers of sockets cannot be set',
    'spec.connection.connectionLimit.maxConnectionDuration': 'client connections are closed when idle, not by age',
    'spec.connection.connectionLimit.maxRequestsPerConnection': 'a client may send any number of requests on a connection',
    'spec.connection.connectionLimit.maxStreamDuration': 'use timeout.http.maxStreamDuration of a BackendTrafficPolicy',
    'spec.path.escapedSlashesAction=KeepUnchanged': PATHS,
    'spec.path.escapedSlashesAction=UnescapeAndForward': PATHS,
    'spec.path.escapedSlashesAction=UnescapeAndRedirect': PATHS,
    'spec.path.disableMergeSlashes=true': 'slashes in a row are always read as one',
    'spec.clientIPDetection.customHeader': 'the address of a client is read from X-Forwarded-For only',
    'spec.headers': 'the headers of clients are treated in one fixed way',
    'spec.healthCheck': 'health is answered on the admin port',
    'spec.enableProxyProtocol': 'the PROXY protocol is not read',
    'spec.proxyProtocol': 'the PROXY protocol is not read',
    'spec.grpc': 'gRPC is not served to clients',
    'spec.http1': 'HTTP/1.1 is read in one fixed, strict way',
    'spec.http2': 'clients are served over HTTP/1.1',
    'spec.http3': 'clients are served over HTTP/1.1',
    'spec.scheme': 'a backend is called with the scheme of its own settings',
    'spec.tcpKeepalive': 'idle client connections are closed by timeout.http.idleTimeout',
    'spec.tls': 'versions, ciphers and client certificates of TLS cannot be chosen for clients',
  },
  rules({ spec }, report) {
    checkTargets(spec, report);
    const limit = spec.connection?.connectionLimit;
    if (limit?.closeDelay !== undefined && limit.value === undefined) {
      report('spec.connection.connectionLimit.closeDelay', 'needs a limit: set connectionLimit.value');
    }
    const accepts = spec.connection?.maxAcceptPerSocketEvent ?? 1;
    if (accepts !== 1) report('spec.connection.maxAcceptPerSocketEvent', `${accepts} is not supported: only its default, 1, is read`);
    const forwarded = spec.clientIPDetection?.xForwardedFor;
    if (forwarded === undefined) return;
    const path = 'spec.clientIPDetection.xForwardedFor';
    const { numTrustedHops, trustedCIDRs } = forwarded;
    if (numTrustedHops === undefined && trustedCIDRs === undefined) report(path, 'one of numTrustedHops and trustedCIDRs is required');
    if (numTrustedHops !== undefined && trustedCIDRs !== undefined) {
      report(`${path}.trustedCIDRs`, 'cannot be used together with numTrustedHops');
    }
    for (const [index, range] of (trustedCIDRs ?? []).entries()) {
      if (!isAddressRange(range)) report(`${path}.trustedCIDRs[${index}]`, `"${range}" is no address range such as 10.0.0.0/8`);
    }
  },
});
export type ClientTrafficPolicy = ResourceOf<typeof ClientTrafficPolicy>;
