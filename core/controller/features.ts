/**
 * Features of Gateway API that are served, by the names of its package `pkg/features`, and what serves each. The conformance suite runs the
 * tests of all of them.
 * HTTPRouteRetry, HTTPRouteRetryBackendTimeout and HTTPRouteRetryConnectionError are served and not among them: `retry` is a field of the
 * experimental channel, and the CRDs of the standard channel drop it before anyone reads it.
 */
const FEATURES: Readonly<Record<string, string>> = {
  BackendTLSPolicy: 'backends are called with TLS, and verified: by their host name and by certificates of ConfigMaps and Secrets',
  BackendTLSPolicySANValidation: 'validation.subjectAltNames, Hostname and URI',
  Gateway: 'core: each Gateway has a Service of its own',
  GatewayAddressEmpty: 'an address without a value is any address of the Service',
  GatewayBackendClientCertificate: 'spec.tls.backend.clientCertificateRef',
  GatewayFrontendClientCertificateValidation: 'spec.tls.frontend, default and perPort',
  GatewayFrontendClientCertificateValidationInsecureFallback: 'spec.tls.frontend, mode AllowInsecureFallback',
  GatewayHTTPListenerIsolation: 'a request belongs to the most specific listener for its host and sees no route of another one',
  GatewayHTTPSListenerDetectMisdirectedRequests: 'a request on a connection of another listener is answered with 421',
  GatewayPort8080: 'a listener may have any port',
  HTTPRoute: 'core',
  HTTPRoute303RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRoute307RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRoute308RedirectStatusCode: 'RequestRedirect.statusCode',
  HTTPRouteBackendProtocolH2C: 'appProtocol kubernetes.io/h2c; clients may speak HTTP/2 without TLS as well',
  HTTPRouteBackendRequestHeaderModification: 'RequestHeaderModifier of a backendRef',
  HTTPRouteBackendProtocolWebSocket: 'a request for WebSocket is passed on, whatever appProtocol says; then the bytes of both sides',
  HTTPRouteBackendTimeout: 'timeouts.backendRequest bounds each attempt',
  HTTPRouteCORS: 'the filter CORS',
  HTTPRouteHostRewrite: 'URLRewrite.hostname',
  HTTPRouteMethodMatching: 'matches.method',
  HTTPRouteNamedRouteRule: 'rules.name; policies name rules by it',
  HTTPRouteParentRefPort: 'parentRefs.port',
  HTTPRoutePathRedirect: 'RequestRedirect.path',
  HTTPRoutePathRewrite: 'URLRewrite.path',
  HTTPRoutePortRedirect: 'RequestRedirect.port',
  HTTPRouteQueryParamMatching: 'matches.queryParams',
  HTTPRouteRequestMirror: 'the filter RequestMirror',
  HTTPRouteRequestMultipleMirrors: 'any number of them in a rule',
  HTTPRouteRequestPercentageMirror: 'RequestMirror.percent and fraction',
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
