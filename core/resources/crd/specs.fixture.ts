// For tests: resources of our own kinds, right and wrong, and where the API server finds fault with each.
import { load } from 'js-yaml';

export interface GivenSpec {
  readonly kind: 'Budget' | 'MCPToolLock' | 'PriceTable' | 'TokenExchange' | 'TracePolicy';
  readonly what: string;
  readonly spec: object;
  /** The field that the API server names; `''`: none, it takes the object. */
  readonly refused: string;
  /** Whether our own loader takes it. */
  readonly loads: boolean;
}

const given = (kind: GivenSpec['kind'], what: string, yaml: string, refused: string, loads: boolean): GivenSpec => ({
  kind,
  what,
  spec: load(yaml) as object,
  refused,
  loads,
});
const budget = (what: string, yaml: string, refused = '', loads = refused === '') => given('Budget', what, yaml, refused, loads);
const money = (what: string, fields: string, refused = '', loads = refused === '') =>
  budget(what, `{amount: "10", currency: USD, window: {unit: Month}, ${fields}}`, refused, loads);
const prices = (what: string, entry: string, refused = '', loads = refused === '') =>
  given('PriceTable', what, `{currency: USD, entries: [{model: m, prices: {input: "1"}}, ${entry}]}`, refused, loads);
const tools = (what: string, tool: string, refused = '', loads = refused === '') =>
  given('PriceTable', what, `{currency: USD, tools: [${tool}]}`, refused, loads);
const traces = (what: string, content: string, refused = '', loads = refused === '') =>
  given('TracePolicy', what, `{content: ${content}}`, refused, loads);
const lock = (what: string, servers: string, refused = '', loads = refused === '') =>
  given('MCPToolLock', what, `{targetRef: {kind: MCPRoute, name: tools}, servers: ${servers}}`, refused, loads);
const EXCHANGE = {
  targetRef: { kind: 'MCPRoute', name: 'r' },
  tokenEndpoint: 'https://idp.example/token',
  clientID: 'c',
  clientSecret: { name: 's' },
};
const exchanges = (what: string, more: string, refused = '', loads = refused === '') =>
  given('TokenExchange', what, JSON.stringify({ ...EXCHANGE, ...(load(`{${more}}`) as object) }), refused, loads);
/** What only our loader refuses: the condition says it. */
const LATER = ['', false] as const;

export const SPECS: readonly GivenSpec[] = [
  money('money', 'per: Client, overrides: [{client: a, amount: "0"}], alerts: [80, 100]'),
  budget('tokens', '{tokens: 1000, window: {slidingSeconds: 60}, mode: Soft}'),
  budget('all time', '{tokens: 9007199254740991, window: {unit: Total}}'),
  budget('a zone', '{tokens: 1, window: {unit: Day, timeZone: Asia/Kathmandu}}'),
  money('a header', 'per: Header, header: x-team'),
  money('targets', 'targetRefs: [{kind: Gateway, name: g}, {group: aigateway.envoyproxy.io, kind: AIGatewayRoute, name: r}]'),
  money('an MCPRoute', 'targetRefs: [{group: aigateway.envoyproxy.io, kind: MCPRoute, name: r}, {kind: MCPRoute, name: q}]'),
  budget('the most', '{amount: "900719925.4740991", currency: USD, window: {unit: Day}}'),
  budget('zeros behind the last digit that counts', '{amount: "0.100000000", currency: USD, window: {unit: Day}}'),
  budget('overrides in tokens', '{tokens: 1, window: {unit: Day}, per: Client, overrides: [{client: a, tokens: 5}]}'),
  money('a soft budget', 'mode: Soft, onUnknownPrice: Ignore, failureMode: Open'),
  budget('neither', '{window: {unit: Day}}', 'spec'),
  money('both', 'tokens: 1', 'spec.tokens'),
  budget('no currency', '{amount: "1", window: {unit: Day}}', 'spec.currency'),
  budget('tokens with a currency', '{tokens: 1, currency: USD, window: {unit: Day}}', 'spec.currency'),
  budget('half a token', '{tokens: 0.5, window: {unit: Day}}', 'spec.tokens'),
  budget('tokens below none', '{tokens: -1, window: {unit: Day}}', 'spec.tokens'),
  budget('an amount that is a number', '{amount: 1, currency: USD, window: {unit: Day}}', 'spec.amount'),
  budget('an amount with a comma', '{amount: "1,5", currency: USD, window: {unit: Day}}', 'spec.amount'),
  budget('more than can be counted', '{amount: "900719926", currency: USD, window: {unit: Day}}', 'spec.amount'),
  budget('finer than can be counted', '{amount: "0.00000001", currency: USD, window: {unit: Day}}', 'spec.amount'),
  budget('a unit', '{tokens: 1, window: {unit: Moth}}', 'spec.window.unit'),
  budget('no window', '{tokens: 1}', 'spec.window'),
  budget('an empty window', '{tokens: 1, window: {}}', 'spec.window'),
  budget('two windows', '{tokens: 1, window: {unit: Day, slidingSeconds: 1}}', 'spec.window.slidingSeconds'),
  budget('a zone of all time', '{tokens: 1, window: {unit: Total, timeZone: UTC}}', 'spec.window.timeZone'),
  budget('a zone that is none', '{tokens: 1, window: {unit: Day, timeZone: Europe/Berlinn}}', ...LATER),
  money('a header for clients', 'per: Client, header: x-team', 'spec.header'),
  money('no header', 'per: Header', 'spec.header'),
  money('a header that is none', 'per: Header, header: "x team"', 'spec.header'),
  money('overrides of what is shared', 'overrides: [{client: a, amount: "1"}]', 'spec.overrides'),
  money('an override in the other unit', 'per: Client, overrides: [{client: a, tokens: 5}]', 'spec.overrides'),
  money('an override in both', 'per: Client, overrides: [{client: a, amount: "1", tokens: 5}]', 'spec.overrides'),
  money(
    'an override of more than can be counted',
    'per: Client, overrides: [{client: a, amount: "900719926"}]',
    'spec.overrides[0].amount',
  ),
  money('a client twice', 'per: Client, overrides: [{client: a, amount: "1"}, {client: a, amount: "2"}]', 'spec.overrides[1]'),
  money('a hard budget for nothing', 'onUnknownPrice: Ignore', 'spec.onUnknownPrice'),
  money('a closed soft budget', 'mode: Soft, failureMode: Closed', 'spec.failureMode'),
  budget('prices of tokens', '{tokens: 1, window: {unit: Day}, onUnknownPrice: Refuse}', 'spec.onUnknownPrice'),
  money('no target', 'targetRefs: []', 'spec.targetRefs'),
  money('a kind of target', 'targetRefs: [{kind: Service, name: s}]', 'spec.targetRefs[0].kind'),
  money(
    'a group of another kind',
    'targetRefs: [{group: gateway.networking.k8s.io, kind: AIGatewayRoute, name: r}]',
    'spec.targetRefs[0].group',
  ),
  money(
    'another group of an MCPRoute',
    'targetRefs: [{group: gateway.networking.k8s.io, kind: MCPRoute, name: r}]',
    'spec.targetRefs[0].group',
  ),
  money('an alert twice', 'alerts: [80, 80]', 'spec.alerts[1]'),
  money('a field that is none', 'amuont: "1"', 'spec.amuont'),

  prices('prices', '{model: "gpt-*", backend: b, prices: {output: "0", perImage: "0.04"}, from: "2026-01-01", until: "2026-01-01"}'),
  prices('a long input', '{model: n, provider: OpenAI, prices: {input: "1"}, longInput: {above: 200000, prices: {input: "2"}}}'),
  given('PriceTable', 'no entry', '{currency: USD, entries: []}', 'spec.entries', false),
  given('PriceTable', 'a currency', '{currency: usd, entries: [{model: m, prices: {input: "1"}}]}', 'spec.currency', false),
  prices('no price', '{model: n, prices: {}}', 'spec.entries[1].prices'),
  prices('no long price', '{model: n, prices: {input: "1"}, longInput: {above: 1, prices: {}}}', 'spec.entries[1].longInput.prices'),
  prices('a price that is a number', '{model: n, prices: {input: 0.5}}', 'spec.entries[1].prices.input'),
  prices('a slip in the kind of tokens', '{model: n, prices: {input: "1", ouput: "1"}}', 'spec.entries[1].prices.ouput'),
  prices('a star in the middle', '{model: "a*b", prices: {input: "1"}}', 'spec.entries[1].model'),
  prices('backend and provider', '{model: n, backend: b, provider: OpenAI, prices: {input: "1"}}', 'spec.entries[1].provider'),
  prices('a day that is none', '{model: n, prices: {input: "1"}, from: "2026-02-30"}', 'spec.entries[1].from'),
  prices(
    'an end before the beginning',
    '{model: n, prices: {input: "1"}, from: "2026-02-02", until: "2026-02-01"}',
    'spec.entries[1].until',
  ),

  money('tools', 'targetRefs: [{kind: MCPRoute, name: r}], match: {tools: ["git__*"]}, per: Tool'),
  budget('a route of tools in tokens', '{tokens: 1, window: {unit: Day}, targetRefs: [{kind: MCPRoute, name: r}]}', 'spec.targetRefs'),
  budget('tools in tokens', '{tokens: 1, window: {unit: Day}, match: {tools: [t]}}', 'spec.match'),
  budget('tokens of a tool', '{tokens: 1, window: {unit: Day}, per: Tool}', 'spec.per'),
  tools('tools', '{tool: "create_*", server: git, route: r, price: "0.01", from: "2026-01-01", until: "2026-01-01"}'),
  given('PriceTable', 'neither models nor tools', '{currency: USD}', 'spec', false),
  tools('a price of a tool that is more than can be counted', '{tool: t, price: "9007200"}', 'spec.tools[0].price'),
  tools('a star within a tool', '{tool: "a*b", price: "1"}', 'spec.tools[0].tool'),
  tools('no price of a tool', '{tool: t}', 'spec.tools[0].price'),
  tools('an end of a tool before its beginning', '{tool: t, price: "1", from: "2026-02-02", until: "2026-02-01"}', 'spec.tools[0].until'),

  lock('tools', '[{name: git, tools: [{name: log, definition: \'{"name":"log"}\'}]}, {name: web, tools: []}]'),
  lock('no server', '[]', 'spec.servers'),
  lock('a server twice', '[{name: git, tools: []}, {name: git, tools: []}]', 'spec.servers[1]'),
  lock('a tool without a definition', '[{name: git, tools: [{name: log}]}]', 'spec.servers[0].tools[0].definition'),
  lock('a slip', '[{name: git, tools: [], tool: []}]', 'spec.servers[0].tool'),
  lock('what is no JSON', '[{name: git, tools: [{name: log, definition: "{"}]}]', ...LATER),
  given(
    'MCPToolLock',
    'another kind',
    '{targetRef: {kind: HTTPRoute, name: r}, servers: [{name: a, tools: []}]}',
    'spec.targetRef.kind',
    false,
  ),

  exchanges(
    'all of it',
    'servers: [a, b], audience: a, resource: "https://a.example/mcp", scopes: [read, "x:y"], clientAuthentication: Post',
  ),
  exchanges('an endpoint of this machine', 'tokenEndpoint: "http://127.0.0.1:9/token?a=b"'),
  exchanges('another', 'tokenEndpoint: "http://[::1]:9/"'),
  exchanges('an endpoint in the clear', 'tokenEndpoint: "http://idp.example/token"', 'spec.tokenEndpoint'),
  exchanges('an endpoint that is none', 'tokenEndpoint: idp.example', 'spec.tokenEndpoint'),
  exchanges('a password in the endpoint', 'tokenEndpoint: "https://a:b@idp.example/token"', ...LATER),
  exchanges('the kind of the route', 'targetRef: {kind: HTTPRoute, name: r}', 'spec.targetRef.kind'),
  exchanges('the group of the route', 'targetRef: {group: a.example, kind: MCPRoute, name: r}', 'spec.targetRef.group'),
  exchanges('no server', 'servers: []', 'spec.servers'),
  exchanges('a server twice', 'servers: [a, a]', 'spec.servers[1]'),
  exchanges('another kind than Secret', 'clientSecret: {name: s, kind: ConfigMap}', 'spec.clientSecret.kind'),
  exchanges('a Secret of a group', 'clientSecret: {name: s, group: a.example}', 'spec.clientSecret.group'),
  exchanges('a resource that is no URI', 'resource: mcp', 'spec.resource'),
  exchanges('a fragment', 'resource: "https://a.example/mcp#a"', 'spec.resource'),
  exchanges('two scopes in one', 'scopes: ["a b"]', 'spec.scopes[0]'),
  exchanges('another authentication', 'clientAuthentication: None', 'spec.clientAuthentication'),

  traces('what is shown', '{inputs: Show, outputs: Hide, percent: 12.5}'),
  traces('what is hidden', '{inputs: Hide}'),
  traces('neither side', '{}', 'spec.content'),
  traces('a share of what is hidden', '{inputs: Hide, percent: 5}', 'spec.content.percent'),
  traces('more than all', '{inputs: Show, percent: 101}', 'spec.content.percent'),
  traces('a word', '{inputs: show}', 'spec.content.inputs'),
];
