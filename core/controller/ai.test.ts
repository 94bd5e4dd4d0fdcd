import { describe, expect, it } from 'vitest';

import { brief, CLASS, gateway, messageOf, resource, TestCluster } from './cluster.fixture.ts';

const AI = 'aigateway.envoyproxy.io/v1beta1';
const PARENT = 'parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}]';
const TO_A = 'rules: [{matches: [{headers: [{name: x-ai-eg-model, value: m}]}], backendRefs: [{name: a}]}]';
const ROUTE = resource(AI, 'AIGatewayRoute', 'm', `${PARENT}, ${TO_A}`);
const A = resource(
  AI,
  'AIServiceBackend',
  'a',
  'schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}',
);
const B = resource('gateway.envoyproxy.io/v1alpha1', 'Backend', 'b', 'endpoints: [{ip: {address: 192.0.2.1, port: 9}}]');
const TARGET_A = 'targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a}]';
const KEY = resource(AI, 'BackendSecurityPolicy', 'p', `${TARGET_A}, type: APIKey, apiKey: {secretRef: {name: nothing}}`);
const QUOTA = resource(
  'aigateway.envoyproxy.io/v1alpha1',
  'QuotaPolicy',
  'q',
  `${TARGET_A}, perModelQuotas: [{modelName: m, quota: {defaultBucket: {limit: 1, duration: 1h}}}]`,
);
const TO_B = '{group: gateway.envoyproxy.io, kind: Backend, name: b}';
const MCP = resource(AI, 'MCPRoute', 'mcp', `${PARENT}, backendRefs: [${TO_B}]`);
const CONFIG = resource(AI, 'GatewayConfig', 'c', 'globalLLMRequestCosts: []');
const ALL = CLASS + gateway('gw').replace('{name: gw}', '{name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: c}}');

const conditionsOf = (yaml: string, kind: string, name: string) => new TestCluster(yaml).status(kind, name)['conditions'];
const ACCEPTED = 'Accepted=True ReconciliationSucceeded';
const REFUSED = ['Accepted=False ReconciliationFailed', 'NotAccepted=True ReconciliationFailed'];

describe('an AIGatewayRoute', () => {
  it('is accepted where one of its Gateways takes it', () => {
    const both = ROUTE.replace('rules:', 'hostnames: [a.test], rules:').replace(PARENT, `parentRefs: [{name: gw}, {name: other}]`);
    const other = gateway('other', ['{name: http, port: 80, protocol: HTTP, hostname: b.test}']);
    const conditions = conditionsOf(ALL + CONFIG + other + both + A + B, 'AIGatewayRoute', 'm');
    expect(brief(conditions)).toEqual(['ResolvedRefs=True ResolvedRefs', ACCEPTED]);
    expect(messageOf(conditions, 'Accepted')).toMatch(/^Gateway default\/other: spec\.hostnames: /);
  });

  it('says that no Gateway takes it, last of all: that is what kubectl shows', () => {
    const nowhere = ROUTE.replace('name: gw,', 'name: gw, sectionName: htpp,');
    const conditions = conditionsOf(ALL + nowhere + A + B, 'AIGatewayRoute', 'm');
    expect(brief(conditions)).toEqual(['ResolvedRefs=True ResolvedRefs', ...REFUSED]);
    expect(messageOf(conditions, 'NotAccepted')).toMatch(/no listener "htpp"; did you mean "?http/);
  });

  it('says what is wrong with it by itself', () => {
    const conditions = conditionsOf(ALL + ROUTE.replace('backendRefs', 'backendRef'), 'AIGatewayRoute', 'm');
    expect(brief(conditions)).toEqual(['ResolvedRefs=Unknown Pending', ...REFUSED]);
    expect(messageOf(conditions, 'Accepted')).toMatch(/spec\.rules\[0\]\.backendRef/);
  });

  it('says which backend is not there', () => {
    const conditions = conditionsOf(ALL + ROUTE, 'AIGatewayRoute', 'm');
    expect(brief(conditions)).toEqual(['ResolvedRefs=False BackendNotFound', ACCEPTED]);
    expect(messageOf(conditions, 'ResolvedRefs')).toMatch(/there is no AIServiceBackend default\/a/);
  });

  it('loses what said that it was not accepted', () => {
    const cluster = new TestCluster(ALL + ROUTE.replace('name: gw,', 'name: gw, sectionName: htpp,') + A + B);
    cluster.write();
    cluster.edit('AIGatewayRoute', 'm', (object) => ({ ...object, spec: new TestCluster(ROUTE).objects[0]!['spec'] }));
    expect(brief(cluster.status('AIGatewayRoute', 'm')['conditions'])).toEqual(['ResolvedRefs=True ResolvedRefs', ACCEPTED]);
  });
});

describe('an MCPRoute', () => {
  it('is accepted, and says which server is not there', () => {
    const conditions = conditionsOf(ALL + MCP, 'MCPRoute', 'mcp');
    expect(brief(conditions)).toEqual(['ResolvedRefs=False BackendNotFound', ACCEPTED]);
    expect(messageOf(conditions, 'ResolvedRefs')).toMatch(/^spec\.backendRefs\[0\].*there is no Backend default\/b/);
  });

  it('says that no Gateway takes it', () => {
    const conditions = conditionsOf(ALL + B + MCP.replace('name: gw,', 'name: gw, sectionName: htpp,'), 'MCPRoute', 'mcp');
    expect(brief(conditions)).toEqual(['ResolvedRefs=True ResolvedRefs', ...REFUSED]);
    expect(messageOf(conditions, 'NotAccepted')).toMatch(/no listener "htpp"/);
  });

  it('says what is wrong with it by itself', () => {
    const conditions = conditionsOf(ALL + B + MCP.replace('backendRefs', 'backendRef'), 'MCPRoute', 'mcp');
    expect(brief(conditions)).toEqual(['ResolvedRefs=Unknown Pending', ...REFUSED]);
    expect(messageOf(conditions, 'Accepted')).toMatch(/spec\.backendRef/);
  });
});

describe('what a route leads to', () => {
  const yaml = ALL + CONFIG + ROUTE + A + B + KEY + QUOTA + MCP;

  it.each([
    ['AIServiceBackend', 'a', [ACCEPTED], /^$/],
    ['Backend', 'b', ['Accepted=True Accepted'], /^$/],
    ['BackendSecurityPolicy', 'p', REFUSED, /there is no Secret default\/nothing/],
    ['QuotaPolicy', 'q', [ACCEPTED], /^$/],
    ['MCPRoute', 'mcp', ['ResolvedRefs=True ResolvedRefs', ACCEPTED], /^$/],
    ['GatewayConfig', 'c', [ACCEPTED], /^$/],
  ])('%s', (kind, name, expected, message) => {
    const conditions = conditionsOf(yaml, kind, name);
    expect(brief(conditions)).toEqual(expected);
    expect(messageOf(conditions, 'Accepted')).toMatch(message);
  });

  it('is left alone where it is not ours', () => {
    const theirs = yaml.replace('gatewayClassName: ours', 'gatewayClassName: theirs');
    expect(new TestCluster(theirs).desired().map(({ name }) => name)).toEqual(['ours']);
  });

  it('is told when it is wrong by itself', () => {
    const conditions = conditionsOf(ALL + ROUTE + A.replace('OpenAI', 'OpenAl') + B.replace('port: 9', 'port: 0'), 'AIServiceBackend', 'a');
    expect(brief(conditions)).toEqual(REFUSED);
    expect(messageOf(conditions, 'Accepted')).toMatch(/^spec\.schema\.name: .*OpenAI/);
    expect(brief(conditionsOf(ALL + ROUTE + A + B.replace('port: 9', 'port: 0'), 'Backend', 'b'))).toEqual(['Accepted=False Invalid']);
  });

  it('is also what a SecurityPolicy of ours asks', () => {
    const policy = resource(
      'gateway.envoyproxy.io/v1alpha1',
      'SecurityPolicy',
      's',
      `targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}], extAuth: {http: {backendRefs: [${TO_B}]}}`,
    );
    expect(brief(conditionsOf(ALL + B + policy, 'Backend', 'b'))).toEqual(['Accepted=True Accepted']);
    expect(conditionsOf(ALL + B, 'Backend', 'b')).toBeUndefined();
  });
});
