import { authorized } from '../providers/credentials/credential.fixture.ts';
import { editObject } from '../json/edit.ts';
import { scanObject } from '../json/scan.ts';
import { describe, expect, it } from 'vitest';

import { aiBackendYaml, aiRouteYaml, gatewayYaml, model, routesOf } from './route.fixture.ts';

const refs = (...names: string[]) => names.map((name) => (name.startsWith('{') ? name : `{name: ${name}}`)).join(', ');
const rule = (name: string, backends: string, more = '') =>
  `{matches: [${model(name)}], backendRefs: [${backends}]${more === '' ? '' : `, ${more}`}}`;
const policyYaml = (name: string, target: string, secret = name, type = 'APIKey', field = 'apiKey') => `
---
apiVersion: aigateway.envoyproxy.io/v1beta1
kind: BackendSecurityPolicy
metadata: {name: ${name}}
spec: {type: ${type}, ${field}: {secretRef: {name: ${secret}}}, targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: ${target}}]}
`;
const secretYaml = (name: string, data: string) =>
  `\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: ${name}}\nstringData: {${data}}\n`;

/** The targets of the rule for the model `m`. */
function targets(yaml: string, backends: string) {
  const routes = routesOf(gatewayYaml() + yaml + aiRouteYaml('r', rule('m', backends)));
  expect(routes.problems).toEqual([]);
  return routes.ai('m').plan.targets;
}

function problems(yaml: string, backends = refs('a')): string[] {
  return [...routesOf(gatewayYaml() + yaml + aiRouteYaml('r', rule('m', backends))).problems];
}

const A = aiBackendYaml('a');

describe('order and share of backends', () => {
  it('is that of priority and weight, and a fallback Backend stands behind all', () => {
    const fallback = `
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: Backend
metadata: {name: f}
spec: {endpoints: [{ip: {address: 127.0.0.1, port: 10}}], fallback: true}
`;
    const found = targets(
      A + aiBackendYaml('z') + fallback + aiBackendYaml('last').replace('name: b}', 'name: f}'),
      refs('{name: last}', '{name: a, weight: 0}', '{name: z, weight: 3, priority: 2}'),
    );
    const order = found.map(({ id, weight, priority }) => [id, weight, priority] as const).sort((a, b) => a[2] - b[2]);
    expect(order.map(([id, weight]) => [id, weight])).toEqual([
      ['default/a/route/r/rule/0/ref/1', 0],
      ['default/z/route/r/rule/0/ref/2', 3],
      ['default/last/route/r/rule/0/ref/0', 1],
    ]);
  });

  it('has one health and one set of connections for a backend, wherever it is named', () => {
    const routes = routesOf(gatewayYaml() + A + aiRouteYaml('r', `${rule('m', refs('a', 'a'))}, ${rule('n', refs('a'))}`));
    const backends = ['m', 'n'].flatMap((name) => routes.ai(name).plan.targets.map((target) => target.backend));
    expect(new Set(backends).size).toBe(1);
  });
});

describe('mutations', () => {
  it('of the route stand after those of the backend, and win', () => {
    const backend = aiBackendYaml(
      'a',
      '{name: OpenAI}',
      'headerMutation: {set: [{name: X-A, value: backend}, {name: X-B, value: backend}], remove: [X-C]}, bodyMutation: {set: [{path: user, value: backend}, {path: seed, value: "1"}], remove: [top_p]}',
    );
    const [target] = targets(
      backend,
      refs(
        '{name: a, headerMutation: {set: [{name: x-a, value: route}, {name: x-c, value: route}], remove: [x-b]}, bodyMutation: {set: [{path: user, value: route}], remove: [seed]}}',
      ),
    );
    expect(target!.headers.set).toEqual(['x-c', 'route', 'x-a', 'route']);
    // What the client sends under these names never goes on.
    expect([...target!.headers.replaced].sort()).toEqual(['x-a', 'x-b', 'x-c']);
    expect([...target!.stripped].sort()).toEqual(['x-a', 'x-b', 'x-c']);
    const body = scanObject(Buffer.from('{"model":"m","user":"client","seed":0,"top_p":1}'));
    expect(JSON.parse(editObject(body, target!.bodyEdits).toString())).toEqual({ model: 'm', user: 'route' });
  });

  it('cannot write what the gateway writes itself', () => {
    const backend = aiBackendYaml(
      'a',
      '{name: OpenAI}',
      'headerMutation: {set: [{name: Content-Length, value: "1"}, {name: x, value: "→"}]}',
    );
    expect(problems(backend, refs('{name: a, headerMutation: {set: [{name: Host, value: a.b}]}}')).sort()).toEqual([
      'AIGatewayRoute default/r: spec.rules[0].backendRefs[0].headerMutation.set[0].name: Host is written by the gateway itself',
      'AIServiceBackend default/a: spec.headerMutation.set[0].name: Content-Length is written by the gateway itself',
      'AIServiceBackend default/a: spec.headerMutation.set[1].value: has a character that no header can carry',
    ]);
  });
});

it('calls a model by the name that the reference gives it', () => {
  const [first, second, third] = targets(A, refs('{name: a, modelNameOverride: gpt-5-2026}', '{name: a, modelNameOverride: ""}', 'a'));
  expect([first!.modelOverride, second!.modelOverride, third!.modelOverride]).toEqual(['gpt-5-2026', undefined, undefined]);
});

describe('what is refused, each by its name', () => {
  it.each<[string, string, string | undefined, string[]]>([
    [
      'no such backend',
      A,
      refs('aa', 'zebra'),
      [
        'AIGatewayRoute default/r: spec.rules[0].backendRefs[0].name: there is no AIServiceBackend default/aa; did you mean "a"?',
        'AIGatewayRoute default/r: spec.rules[0].backendRefs[1].name: there is no AIServiceBackend default/zebra',
      ],
    ],
    ['two APIs in one rule are translated', A + aiBackendYaml('c', '{name: Anthropic}'), refs('a', 'c'), []],
    [
      'an InferencePool',
      A,
      '{group: inference.networking.k8s.io, kind: InferencePool, name: pool}',
      [
        'AIGatewayRoute default/r: spec.rules[0].backendRefs[0].kind: an InferencePool is served by tier two ("tierkit tier2"); name an AIServiceBackend that leads there',
      ],
    ],
    [
      'Azure without a version',
      aiBackendYaml('a', '{name: AzureOpenAI}'),
      undefined,
      ['AIServiceBackend default/a: spec.schema.version: is required for AzureOpenAI: it becomes the api-version of every request'],
    ],
    [
      'Azure with an empty version',
      aiBackendYaml('a', '{name: AzureOpenAI, version: ""}'),
      undefined,
      [expect.stringContaining('spec.schema.version')],
    ],
    [
      'a backend of another namespace',
      aiBackendYaml('a', '{name: OpenAI}', '', 'namespace: other').replace('name: b}', 'name: b, namespace: default}'),
      '{name: a, namespace: other}',
      [
        'AIGatewayRoute default/r: spec.rules[0].backendRefs[0]: AIServiceBackend other/a is in another namespace, and no ReferenceGrant there lets AIGatewayRoute of default name it',
        'AIServiceBackend other/a: spec.backendRef: Backend default/b is in another namespace, and no ReferenceGrant there lets AIServiceBackend of other name it',
      ],
    ],
    // The route names another one: all the same its author wants to know at once.
    [
      'a backend that no route names',
      A + aiBackendYaml('unused').replace('name: b}', 'name: bb}'),
      undefined,
      ['AIServiceBackend default/unused: spec.backendRef.name: there is no Backend default/bb; did you mean "b"?'],
    ],
  ])('%s', (_name, yaml, backends, expected) => {
    expect(problems(yaml, backends)).toEqual(expected);
  });
});

describe('credentials', () => {
  it.each<[string, string, string[]]>([
    ['one', policyYaml('p', 'a') + secretYaml('p', 'apiKey: sk-canary'), []],
    [
      'no Secret',
      policyYaml('p', 'a') + secretYaml('q', 'apiKey: sk-canary'),
      ['BackendSecurityPolicy default/p: spec.apiKey.secretRef.name: there is no Secret default/p'],
    ],
    [
      'a Secret without the entry',
      policyYaml('p', 'a') + secretYaml('p', 'key: sk-canary'),
      ['BackendSecurityPolicy default/p: spec.apiKey.secretRef: Secret p has no entry "apiKey"'],
    ],
    [
      'a key that no header can carry',
      policyYaml('p', 'a') + secretYaml('p', 'apiKey: "sk canary"'),
      [
        'BackendSecurityPolicy default/p: spec.apiKey.secretRef: Secret p has an "apiKey" with spaces, line breaks or characters that a header cannot carry',
      ],
    ],
    [
      'a backend that is not there',
      policyYaml('p', 'aa') + secretYaml('p', 'apiKey: sk-canary'),
      ['BackendSecurityPolicy default/p: spec.targetRefs[0].name: there is no AIServiceBackend default/aa; did you mean "a"?'],
    ],
    [
      'two for one backend',
      policyYaml('p', 'a') + policyYaml('q', 'a', 'p') + secretYaml('p', 'apiKey: sk-canary'),
      [
        'BackendSecurityPolicy default/q: spec.targetRefs[0]: BackendSecurityPolicy default/p gives AIServiceBackend a its credential already',
      ],
    ],
  ])('%s', (_name, yaml, expected) => {
    const found = problems(A + yaml);
    expect(found).toEqual(expected);
    expect(found.join()).not.toMatch(/canary/);
  });

  it('are those of the backend, whichever route names it', () => {
    const [target] = targets(A + policyYaml('p', 'a') + secretYaml('p', 'apiKey: sk-canary'), refs('a'));
    expect(authorized(target!.credential)).toEqual(['authorization', 'Bearer sk-canary']);
  });
});

const at = (name: string) => `AIGatewayRoute default/r: metadata.annotations["tierkit.dev/${name}"]: `;

const withAnnotation = (annotation: string) =>
  aiRouteYaml('r', `${rule('m', refs('a'))}, ${rule('n', refs('a'))}`).replace(
    'metadata: {name: r}',
    `metadata: {name: r, annotations: {${annotation}}}`,
  );

describe('annotations of our own', () => {
  it('are read', () => {
    const annotated = aiBackendYaml(
      'a',
      '{name: OpenAI}',
      '',
      'annotations: {tierkit.dev/stream-usage: client, tierkit.dev/output-limit: max_tokens}',
    );
    const routes = routesOf(gatewayYaml() + annotated + withAnnotation('tierkit.dev/stream-keepalive: 1m30s, example.com/any: thing'));
    expect(routes.problems).toEqual([]);
    expect([routes.ai('m').plan.keepAliveMs, routes.ai('m').plan.targets[0]!.asksForUsage]).toEqual([90_000, false]);
    expect(routes.ai('m').plan.targets[0]!.outputLimit).toBe('max_tokens');
    expect(routesOf(gatewayYaml() + A + withAnnotation('')).ai('m').plan.targets[0]).toMatchObject({
      asksForUsage: true,
      outputLimit: undefined,
    });
  });

  it.each([
    ['stream-keepalives: 15s', 'stream-keepalives', 'is no setting of this kind (AIGatewayRoute); did you mean "stream-keepalive"?'],
    ['lacks: responses', 'lacks', 'is no setting of this kind (AIGatewayRoute); it is one of AIServiceBackend'],
    ['stream-usage: client', 'stream-usage', 'is no setting of this kind (AIGatewayRoute); it is one of AIServiceBackend'],
    ['stream-drain: "5"', 'stream-drain', 'must be a duration of at least 1s, such as 10s, not "5"'],
    // Told once, however many rules have it.
    ['stream-keepalive: "15"', 'stream-keepalive', 'must be a duration of at least 1s, such as 15s, not "15"'],
    ['stream-keepalive: 500ms', 'stream-keepalive', 'must be a duration of at least 1s, such as 15s, not "500ms"'],
  ])('are refused where they are mistaken: %s', (annotation, name, message) => {
    expect(routesOf(gatewayYaml() + A + withAnnotation(`tierkit.dev/${annotation}`)).problems).toEqual([at(name) + message]);
  });

  it('are refused with a value that is none of theirs, and on kinds that have none', () => {
    expect(
      routesOf(gatewayYaml() + aiBackendYaml('a', '{name: OpenAI}', '', 'annotations: {tierkit.dev/stream-usage: server}')).problems,
    ).toEqual(['AIServiceBackend default/a: metadata.annotations["tierkit.dev/stream-usage"]: must be "client", not "server"']);
    expect(
      routesOf(gatewayYaml() + aiBackendYaml('a', '{name: Cohere}', '', 'annotations: {tierkit.dev/lacks: "rerank, rerunk"}')).problems,
    ).toEqual([
      'AIServiceBackend default/a: metadata.annotations["tierkit.dev/lacks"]: must be operations of Cohere, with commas between them; "rerunk" is none of rerank; did you mean "rerank"?',
    ]);
    const annotated = gatewayYaml().replace('metadata: {name: b}', 'metadata: {name: b, annotations: {tierkit.dev/stream-usage: client}}');
    expect(routesOf(annotated).problems).toEqual([
      'Backend default/b: metadata.annotations["tierkit.dev/stream-usage"]: is no setting of this kind (Backend); it is one of AIServiceBackend',
    ]);
  });
});

const listed = (yaml: string) => {
  const routes = routesOf(gatewayYaml() + A + yaml);
  expect(routes.problems).toEqual([]);
  return [...routes.compiled.ports[0]!.listeners[0]!.hosts.index('any')!.rules()]
    .flatMap((rule) => (rule.ai ? rule.models : []))
    .map(({ id, ownedBy, created }) => [id, ownedBy, created]);
};

describe('the list of models', () => {
  it('has each exact name once, and no pattern', () => {
    const matches = `${model('m')}, ${model('n')}, ${model('m')}, ${model('.*', 'RegularExpression')}`;
    const yaml = aiRouteYaml(
      'r',
      `{matches: [${matches}], backendRefs: [{name: a}], modelsOwnedBy: us, modelsCreatedAt: "2026-01-01T00:00:00Z"}`,
    );
    expect(listed(yaml)).toEqual([
      ['m', 'us', 1_767_225_600],
      ['n', 'us', 1_767_225_600],
    ]);
  });

  it('dates a model by its route, or not at all', () => {
    const dated = aiRouteYaml('r', rule('m', refs('a'))).replace(
      'metadata: {name: r}',
      'metadata: {name: r, creationTimestamp: "2026-01-01T00:00:00Z"}',
    );
    expect(listed(dated)).toEqual([['m', 'Envoy AI Gateway', 1_767_225_600]]);
    expect(listed(aiRouteYaml('r', rule('m', refs('a'))))).toEqual([['m', 'Envoy AI Gateway', 0]]);
  });
});
