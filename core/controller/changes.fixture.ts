// For tests: what a small cluster may hold, each object in several versions, right and wrong.
import type { KubernetesObject } from '../kubernetes/resource.ts';

export const CONTROLLER = 'tierkit.dev/test';

/** An object that may be there, in one of these versions. */
export interface Slot {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly versions: readonly Version[];
}

type Version = Readonly<Record<string, unknown>> & {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly creationTimestamp?: string;
};

const GATEWAY_API = 'gateway.networking.k8s.io/v1';
const ENVOY = 'gateway.envoyproxy.io/v1alpha1';
const AI = 'aigateway.envoyproxy.io/v1beta1';
const OLD = '2026-01-01T00:00:00Z';
const YOUNG = '2026-02-01T00:00:00Z';

const spec = (value: object, meta: Pick<Version, 'labels' | 'annotations' | 'creationTimestamp'> = {}): Version => ({
  spec: value,
  ...meta,
});
const listener = (name: string, more: object = {}) => ({ name, port: 80, protocol: 'HTTP', ...more });
const ours = (listeners: object[], more: object = {}) => ({ gatewayClassName: 'ours', listeners, ...more });
const at = (name: string, more: object = {}) => ({ group: 'gateway.networking.k8s.io', kind: 'Gateway', name, ...more });
const ofGateway = (name: string, more: object = {}) => ({ targetRefs: [at(name, more)] });
const ofRoute = (name: string, more: object = {}) => ({
  targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name, ...more }],
});
const text = (value: string) => Buffer.from(value).toString('base64');
const secret = (entries: Record<string, string>): Version => ({
  data: Object.fromEntries(Object.entries(entries).map(([key, value]) => [key, text(value)])),
});

const toWeb = [{ name: 'web', port: 80 }];
const httpRoutes: readonly Version[] = [
  spec({ parentRefs: [at('g0')], rules: [{ backendRefs: toWeb }] }, { creationTimestamp: OLD }),
  spec(
    { parentRefs: [at('g0')], hostnames: ['a.example.com'], rules: [{ name: 'one', backendRefs: toWeb }] },
    { creationTimestamp: YOUNG },
  ),
  spec({ parentRefs: [at('g0'), at('g1', { sectionName: 'http' })], rules: [{ backendRefs: [{ name: 'two', port: 80 }] }] }),
  spec({ parentRefs: [at('g1')], rules: [{ backendRefs: [{ name: 'web', port: 80, namespace: 'team-b' }] }] }),
  spec({ parentRefs: [at('g1')], rules: [{ matches: [{ path: { type: 'RegularExpression', value: '(' } }], backendRefs: toWeb }] }),
  spec({ parentRefs: [at('g0'), at('nowhere')], rules: [{ backendRefs: [{ name: 'wob', port: 80 }] }] }),
  spec(
    { parentRefs: [at('g0', { namespace: 'default' })], rules: [{ backendRefs: toWeb }] },
    { annotations: { 'tierkit.dev/wrong': 'x' } },
  ),
  spec({ parentRefs: [at('g0')], rules: [{ backendRefs: [{ name: 'b0', group: 'gateway.envoyproxy.io', kind: 'Backend' }] }] }),
  spec({ parentRefs: [at('g0')], rulez: [] }),
  spec({ parentRefs: [at('others')], rules: [{ backendRefs: toWeb }] }),
];

const model = (name: string) => [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: name }] }];
const cost = [{ metadataKey: 'tokens', type: 'TotalToken' }];
const aiRoutes: readonly Version[] = [
  spec({ parentRefs: [at('g0')], rules: [{ matches: model('one'), backendRefs: [{ name: 'm0' }] }] }, { creationTimestamp: OLD }),
  spec({ parentRefs: [at('g0'), at('g2')], rules: [{ backendRefs: [{ name: 'm0' }, { name: 'm1', weight: 2 }] }], llmRequestCosts: cost }),
  spec({ parentRefs: [at('g2')], rules: [{ matches: model('two'), backendRefs: [{ name: 'm1', modelNameOverride: 'three' }] }] }),
  spec({ parentRefs: [at('g0')], rules: [{ backendRefs: [{ name: 'gone' }] }] }),
  spec({ parentRefs: [at('g1')], rules: [{ backendRefs: [{ name: 'm0' }] }] }, { annotations: { 'tierkit.dev/stream-drain': 'long' } }),
];

const from = (kind: string) => [{ group: 'gateway.networking.k8s.io', kind, namespace: 'default' }];
const apiKeys = (name: string) => ({
  apiKeyAuth: { credentialRefs: [{ group: '', kind: 'Secret', name }], extractFrom: [{ headers: ['x-key'] }] },
});
const limit = { requests: 10, unit: 'Minute' };
const counted = { response: { from: 'Metadata', metadata: { namespace: 'io.envoy.ai_gateway', key: 'tokens' } } };
const byClaim = [{ headers: [{ name: 'x-team', type: 'Distinct' }] }];
const limited = (rule: object) => ({ rateLimit: { type: 'Global', global: { rules: [{ limit, ...rule }] } } });
const securities: readonly Version[] = [
  spec({ ...ofGateway('g0'), ...apiKeys('clients') }),
  spec({ ...ofGateway('g1', { sectionName: 'http' }), ...apiKeys('clients') }),
  spec({ ...ofRoute('r0'), ...apiKeys('missing') }),
  spec({ ...ofRoute('r1', { sectionName: 'one' }), ...apiKeys('clients') }),
  spec({ ...ofRoute('a0'), ...apiKeys('s0') }),
  spec({ ...ofGateway('g0'), apiKeyAuth: 7 }),
];
const traffics: readonly Version[] = [
  spec({ ...ofGateway('g0'), timeout: { http: { requestTimeout: '7s' } } }),
  spec({ ...ofGateway('g0'), ...limited({ cost: counted }) }),
  spec({ ...ofRoute('r0'), ...limited({ clientSelectors: byClaim }) }),
  spec({ ...ofRoute('a0'), ...limited({ cost: counted, clientSelectors: byClaim }) }),
  spec({ ...ofGateway('g2'), timeout: 'long' }),
  spec({ ...ofRoute('nobody'), timeout: { http: { requestTimeout: '7s' } } }),
];
const tlsOf = (name: string, validation: object) => ({ targetRefs: [{ group: '', kind: 'Service', name }], validation });
const ofModel = (name: string) => [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name }];
const key = (name: string) => ({ type: 'APIKey', apiKey: { secretRef: { name } }, targetRefs: ofModel('m0') });
const backendRef = { group: 'gateway.envoyproxy.io', kind: 'Backend', name: 'b0' };
const quota = (limits: object) => ({ targetRefs: ofModel('m0'), ...limits });
const endpoint = (hostname: string) => ({ endpoints: [{ fqdn: { hostname, port: 443 } }] });

const slot = (apiVersion: string, kind: string, names: readonly string[], versions: readonly Version[], namespace = 'default'): Slot[] =>
  names.map((name) => ({ apiVersion, kind, namespace, name, versions }));

export const SLOTS: readonly Slot[] = [
  ...slot('v1', 'Namespace', ['team-b'], [{ labels: { shared: 'yes' } }, {}], ''),
  ...slot(GATEWAY_API, 'GatewayClass', ['ours'], [spec({ controllerName: CONTROLLER }), spec({ controllerName: 'example.com/x' })], ''),
  ...slot(
    GATEWAY_API,
    'Gateway',
    ['g0', 'g1', 'g2'],
    [
      spec(ours([listener('http')])),
      spec(ours([listener('http', { allowedRoutes: { namespaces: { from: 'All' } } })])),
      spec(ours([listener('http', { hostname: '*.example.com' }), listener('more', { hostname: 'b.example.com' })])),
      spec(ours([listener('http'), listener('more')])),
      spec(ours([listener('http', { allowedRoutes: { namespaces: { from: 'Selector', selector: { matchLabels: { shared: 'yes' } } } } })])),
      spec(ours([listener('http'), listener('safe', { port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 's0' }] } })])),
      spec(ours([listener('http')]), { annotations: { 'aigateway.envoyproxy.io/gateway-config': 'config' } }),
      spec(ours([listener('http', { port: 'x' })])),
      spec({ gatewayClassName: 'theirs', listeners: [listener('http')] }),
    ],
  ),
  ...slot(
    'v1',
    'Service',
    ['web', 'two'],
    [
      spec({ clusterIP: '10.0.0.1', ports: [{ port: 80 }] }),
      spec({ clusterIP: '10.0.0.2', ports: [{ port: 80, appProtocol: 'kubernetes.io/h2c' }] }),
      spec({ clusterIP: 'None', ports: [{ port: 80 }] }),
      spec({ clusterIP: '10.0.0.1', ports: [{ port: 81 }] }),
    ],
  ),
  ...slot('v1', 'Service', ['web'], [spec({ clusterIP: '10.0.1.1', ports: [{ port: 80 }] })], 'team-b'),
  ...slot(
    ENVOY,
    'Backend',
    ['b0'],
    [
      spec(endpoint('one.example.com')),
      spec({ ...endpoint('two.example.com'), fallback: true }),
      spec({ ...endpoint('one.example.com'), tls: { clientCertificateRef: { name: 's0' } } }),
      spec({ endpoints: 7 }),
    ],
  ),
  ...slot(
    AI,
    'AIServiceBackend',
    ['m0', 'm1'],
    [
      spec({ schema: { name: 'OpenAI' }, backendRef }),
      spec({ schema: { name: 'Anthropic' }, backendRef }),
      spec({ schema: { name: 'OpenAI' }, backendRef: { ...backendRef, name: 'b1' } }),
      spec({ schema: { name: 'OpenAI' }, backendRef }, { annotations: { 'tierkit.dev/stream-usage': 'never' } }),
    ],
  ),
  ...slot(AI, 'BackendSecurityPolicy', ['k0', 'k1'], [spec(key('s0')), spec(key('missing')), spec({ type: 7, targetRefs: ofModel('m0') })]),
  ...slot(AI, 'GatewayConfig', ['config'], [spec({ globalLLMRequestCosts: cost }), spec({})]),
  ...slot(
    AI,
    'QuotaPolicy',
    ['q0', 'q1'],
    [
      spec(quota({ serviceQuota: { quota: { limit: 10, duration: '1m' } } })),
      spec(quota({ perModelQuotas: [{ modelName: 'one', quota: { mode: 'Shared', defaultBucket: { limit: 5, duration: '1m' } } }] })),
    ],
  ),
  ...slot('v1', 'Secret', ['s0'], [secret({ apiKey: 'v0' }), secret({ apiKey: 'v1', 'tls.crt': 'c', 'tls.key': 'k' })]),
  ...slot('v1', 'Secret', ['clients'], [secret({ one: 'v0' }), secret({ one: 'v1' }), secret({ one: '' })]),
  ...slot('v1', 'ConfigMap', ['ca'], [{ data: { 'ca.crt': 'none' } }]),
  ...slot(
    'gateway.networking.k8s.io/v1beta1',
    'ReferenceGrant',
    ['grant'],
    [
      spec({ from: from('HTTPRoute'), to: [{ group: '', kind: 'Service' }] }),
      spec({ from: from('HTTPRoute'), to: [{ group: '', kind: 'Service', name: 'other' }] }),
    ],
    'team-b',
  ),
  ...slot(GATEWAY_API, 'HTTPRoute', ['r0', 'r1', 'r2', 'a0'], httpRoutes),
  ...slot(
    GATEWAY_API,
    'HTTPRoute',
    ['r0'],
    [spec({ parentRefs: [at('g0', { namespace: 'default' })], rules: [{ backendRefs: toWeb }] })],
    'team-b',
  ),
  ...slot(AI, 'AIGatewayRoute', ['a0', 'a1', 'a2'], aiRoutes),
  ...slot(ENVOY, 'SecurityPolicy', ['p0', 'p1', 'p2'], securities),
  ...slot(ENVOY, 'BackendTrafficPolicy', ['t0', 't1', 't2'], traffics),
  ...slot(ENVOY, 'ClientTrafficPolicy', ['c0'], [spec({ ...ofGateway('g0'), connection: { bufferLimit: '1Mi' } })]),
  ...slot(
    GATEWAY_API,
    'BackendTLSPolicy',
    ['x0', 'x1'],
    [
      spec(tlsOf('web', { hostname: 'web.example.com', wellKnownCACertificates: 'System' })),
      spec(tlsOf('web', { hostname: 'web.example.com', caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] })),
      spec(tlsOf('two', { hostname: 7 })),
    ],
  ),
  ...slot(
    'tierkit.dev/v1alpha1',
    'TokenExchange',
    ['exchange'],
    [
      spec({
        targetRef: { kind: 'MCPRoute', name: 'none' },
        tokenEndpoint: 'https://a.example',
        clientID: 'a',
        clientSecret: { name: 's0' },
      }),
    ],
  ),
  ...slot('tierkit.dev/v1alpha1', 'TracePolicy', ['trace'], [spec({ content: { inputs: 'Show' } }), spec({ content: 7 })]),
];

/** @param generation counts the versions of an object */
export function objectOf(slot: Slot, version: Version, generation: number): KubernetesObject {
  const { labels, annotations, creationTimestamp = OLD, ...rest } = version;
  return {
    apiVersion: slot.apiVersion,
    kind: slot.kind,
    metadata: {
      name: slot.name,
      ...(slot.namespace === '' ? {} : { namespace: slot.namespace }),
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      creationTimestamp,
      generation,
      resourceVersion: String(generation),
    },
    ...structuredClone(rest),
  };
}
