/**
 * Features of Gateway API that are served, by the names of its package `pkg/features`, and what serves each. The conformance suite runs the
 * tests of all of them. HTTPRouteBackendProtocolH2C is not among them: backends are spoken to so, but its test has a client that speaks HTTP/2 without TLS.
 */
const FEATURES: Readonly<Record<string, string>> = {
  Gateway: 'core: each Gateway has a Service of its own',
  GatewayAddressEmpty: 'an address without a value is any address of the Service',
  GatewayHTTPListenerIsolation: 'a request belongs to the most specific listener for its host and sees no route of another one',
  GatewayPort8080: 'a listener may have any port',
  HTTPRoute: 'core',
  HTTPRoute303RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRoute307RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRoute308RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRouteBackendRequestHeaderModification: 'RequestHeaderModifier of a backendRef',
  HTTPRouteBackendTimeout: 'timeouts.backendRequest bounds each attempt',
  HTTPRouteHostRewrite: 'URLRewrite.hostname',
  HTTPRouteMethodMatching: 'matches.method',
  HTTPRouteNamedRouteRule: 'rules.name; policies name rules by it',
  HTTPRouteParentRefPort: 'parentRefs.port',
  HTTPRoutePathRedirect: 'RequestRedirect.path',
  HTTPRoutePathRewrite: 'URLRewrite.path',
  HTTPRoutePortRedirect: 'RequestRedirect.port',
  HTTPRouteQueryParamMatching: 'matches.queryParams',
  HTTPRouteRequestTimeout: 'timeouts.request bounds the exchange with the client',
  HTTPRouteResponseHeaderModification: 'ResponseHeaderModifier',
  HTTPRouteSchemeRedirect: 'RequestRedirect.scheme',
  ReferenceGrant: 'core: references across namespaces',
};

/** Of the inference extension: only a tier that serves InferencePools has it. */
const POOLS = 'SupportInferencePool';

/** Names in the order that GatewayClass wants. */
export function supportedFeatures(servesPools: boolean): string[] {
  return [...Object.keys(FEATURES), ...(servesPools ? [POOLS] : [])].sort();
}
