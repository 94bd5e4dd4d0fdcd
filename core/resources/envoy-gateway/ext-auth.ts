import type { Report } from '../kind.ts';
import { Duration, HeaderName, list, object, type Static, Type } from '../schema.ts';
import { BackendRef, checkBackendRef, WeightedBackendRef } from './backend-ref.ts';

/** A service of one's own that is asked before each request. */
export const ExtAuth = object({
  http: Type.Optional(
    object({
      backendRef: Type.Optional(BackendRef),
      backendRefs: Type.Optional(list(WeightedBackendRef, 16)),
      /** Put before the path of the request. */
      path: Type.Optional(Type.String()),
      /** Headers of its answer that go on to the backend, over those of the request. */
      headersToBackend: Type.Optional(Type.Array(HeaderName)),
    }),
  ),
  /** Headers of the request that the service sees. */
  headersToExtAuth: Type.Optional(Type.Array(HeaderName)),
  /** Whether a request passes when the service cannot be reached. */
  failOpen: Type.Boolean({ default: false }),
  timeout: Type.Optional(Duration),
});

const NO_SERVICE_IMPORT = 'services of other clusters are not imported; name a Service or a Backend';

export const REFUSED_OF_EXT_AUTH = {
  'spec.extAuth.grpc': 'the authorization service is called over HTTP; use extAuth.http',
  'spec.extAuth.bodyToExtAuth': 'the authorization service sees headers only, not the body',
  'spec.extAuth.contextExtensions': 'they are part of the gRPC call, and the service is called over HTTP',
  'spec.extAuth.includeRouteMetadata': 'it is part of the gRPC call, and the service is called over HTTP',
  'spec.extAuth.recomputeRoute': 'the route of a request is chosen once; headers from the authorization service do not change it',
  'spec.extAuth.statusOnError': 'a request is answered with 403 when the service cannot be reached and failOpen is off',
  'spec.extAuth.http.pathOverride': 'the service sees the path of the request, after extAuth.http.path',
  'spec.extAuth.http.backendSettings': 'the service is called once, within extAuth.timeout, with no further settings',
  'spec.extAuth.http.backendRef.kind=ServiceImport': NO_SERVICE_IMPORT,
  'spec.extAuth.http.backendRefs[].kind=ServiceImport': NO_SERVICE_IMPORT,
  'spec.extAuth.http.backendRefs[].fallback': 'all of its backends are used, by their weights',
};

export function checkExtAuth({ http }: Static<typeof ExtAuth>, report: Report): void {
  if (http === undefined) {
    report('spec.extAuth.http', 'is required');
    return;
  }
  const { backendRef, backendRefs = [] } = http;
  if (backendRef === undefined && backendRefs.length === 0)
    report('spec.extAuth.http.backendRefs', 'is required, with one backend or more');
  if (backendRef !== undefined && backendRefs.length > 0)
    report('spec.extAuth.http.backendRef', 'cannot be used together with backendRefs');
  if (backendRef !== undefined) checkBackendRef(backendRef, 'spec.extAuth.http.backendRef', report);
  for (const [index, ref] of backendRefs.entries()) checkBackendRef(ref, `spec.extAuth.http.backendRefs[${index}]`, report);
}
