import type { Report } from '../kind.ts';
import { Duration, Group, KindName, list, object, ObjectName, oneOf, type Static, Type } from '../schema.ts';
import { BackendObjectRef, checkServicePort, WeightedBackendRef } from './backend-ref.ts';
import { reportDuplicates } from './unique.ts';

/** Error statuses that Envoy knows. */
const STATUSES = [
  400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 421, 422, 423, 424, 426, 428, 429, 431, 500,
  501, 502, 503, 504, 505, 506, 507, 508, 510, 511,
];

const service = {
  backendRef: Type.Optional(BackendObjectRef),
  backendRefs: Type.Optional(list(WeightedBackendRef, 16)),
};

const ContextExtension = object({
  name: Type.String(),
  type: oneOf(['Value', 'ValueRef'], { default: 'Value' }),
  value: Type.Optional(Type.String()),
  valueRef: Type.Optional(object({ group: Group, kind: KindName, name: ObjectName, key: Type.String() })),
});
type ContextExtension = Static<typeof ContextExtension>;

/** A service that is asked about each request. */
export const ExtAuth = object({
  grpc: Type.Optional(object(service)),
  http: Type.Optional(
    object({
      ...service,
      path: Type.Optional(Type.String()),
      pathOverride: Type.Optional(Type.String()),
      headersToBackend: Type.Optional(Type.Array(Type.String())),
    }),
  ),
  bodyToExtAuth: Type.Optional(object({ maxRequestBytes: Type.Integer({ minimum: 1, maximum: 2_147_483_647 }) })),
  contextExtensions: Type.Optional(Type.Array(ContextExtension)),
  failOpen: Type.Boolean({ default: false }),
  headersToExtAuth: Type.Optional(Type.Array(Type.String())),
  includeRouteMetadata: Type.Optional(Type.Boolean()),
  recomputeRoute: Type.Optional(Type.Boolean()),
  statusOnError: Type.Optional(Type.Unsafe<number>({ type: 'integer', enum: STATUSES })),
  timeout: Type.Optional(Duration),
});
export type ExtAuth = Static<typeof ExtAuth>;

export function refusedExtAuth(path: string): Record<string, string> {
  const reason = 'the service is called with the defaults of Tierkit; connection settings of this call are not served';
  return { [`${path}.grpc.backendSettings`]: reason, [`${path}.http.backendSettings`]: reason };
}

export function checkExtAuth(extAuth: ExtAuth, path: string, report: Report): void {
  const { grpc, http, contextExtensions } = extAuth;
  if (grpc === undefined && http === undefined) report(path, 'must have grpc or http');
  if (grpc !== undefined && http !== undefined) report(path, 'cannot have both grpc and http');
  if (grpc !== undefined) checkService(grpc, `${path}.grpc`, report);
  if (http !== undefined) {
    checkService(http, `${path}.http`, report);
    if (http.path !== undefined && http.pathOverride !== undefined) report(`${path}.http`, 'cannot have both path and pathOverride');
  }
  reportDuplicates(contextExtensions, (extension) => extension.name, `${path}.contextExtensions`, 'name', report);
  for (const [index, extension] of (contextExtensions ?? []).entries()) {
    checkExtension(extension, `${path}.contextExtensions[${index}]`, report);
  }
}

const SERVICE_KINDS = ['Service', 'ServiceImport', 'Backend'];
const SERVICE_GROUPS = ['', 'multicluster.x-k8s.io', 'gateway.envoyproxy.io'];

function checkService({ backendRef, backendRefs }: NonNullable<ExtAuth['grpc']>, path: string, report: Report): void {
  if (backendRef === undefined && (backendRefs ?? []).length === 0) report(path, 'must have backendRef or backendRefs');
  checkServicePort(backendRef, `${path}.backendRef`, report);
  for (const [index, ref] of (backendRefs ?? []).entries()) {
    const at = `${path}.backendRefs[${index}]`;
    checkServicePort(ref, at, report);
    if (!SERVICE_KINDS.includes(ref.kind)) report(`${at}.kind`, `must be one of ${SERVICE_KINDS.join(', ')}, not ${ref.kind}`);
    if (!SERVICE_GROUPS.includes(ref.group)) {
      report(`${at}.group`, `must be empty or one of ${SERVICE_GROUPS.slice(1).join(', ')}, not ${JSON.stringify(ref.group)}`);
    }
  }
}

function checkExtension(extension: ContextExtension, path: string, report: Report): void {
  const [wanted, other] = extension.type === 'Value' ? (['value', 'valueRef'] as const) : (['valueRef', 'value'] as const);
  if (extension[wanted] === undefined) report(`${path}.${wanted}`, `is required when type is ${extension.type}`);
  if (extension[other] !== undefined) report(`${path}.${other}`, `cannot be set when type is ${extension.type}`);
  const ref = extension.valueRef;
  if (ref === undefined || (['ConfigMap', 'Secret'].includes(ref.kind) && ['', 'v1'].includes(ref.group))) return;
  report(`${path}.valueRef`, `must be a ConfigMap or a Secret of the core group, not ${ref.kind} of ${JSON.stringify(ref.group)}`);
}
