import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import type { KubernetesObject } from '../kubernetes/resource.ts';
import { CLASS, gateway, httpRoute, resource, SERVICE, TestCluster, TO_WEB } from './cluster.fixture.ts';
import { fieldsOf } from './fields.ts';

const AI = 'aigateway.envoyproxy.io/v1beta1';
const EG = 'gateway.envoyproxy.io/v1alpha1';
const TO_GATEWAY = 'targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]';
const TO_A = 'targetRefs: [{group: aigateway.envoyproxy.io, kind: AIServiceBackend, name: a}]';
const PARENT = 'parentRefs: [{name: gw, kind: Gateway, group: gateway.networking.k8s.io}]';
const AI_ROUTE = '{group: aigateway.envoyproxy.io, kind: AIGatewayRoute}';
const HTTP = `{name: http, port: 80, protocol: HTTP, allowedRoutes: {kinds: [{kind: HTTPRoute}, {kind: Odd}, ${AI_ROUTE}]}}`;

const NO_MAP = '{group: "", kind: ConfigMap, name: no}';

/** Something of every kind, with what is right and what is wrong. */
const EVERYTHING = [
  CLASS,
  SERVICE,
  gateway('gw', [
    HTTP,
    '{name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: nothing}]}}',
    '{name: a, port: 80, protocol: HTTP, hostname: a.b}',
  ]),
  gateway('bad', ['{name: tls, port: 443, protocol: TLS}'], ', addresses: [{type: x/y, value: z}]'),
  httpRoute(
    'r',
    `parentRefs: [{name: gw, sectionName: http}, {name: gw, sectionName: none}, {name: bad}, {name: away}], rules: [{${TO_WEB}}]`,
  ),
  httpRoute('wrong', `parentRefs: [{name: gw, port: 80}], rules: [{backendRefs: [{name: lost, port: 1}]}], nonsense: 1`),
  httpRoute(
    'pooled',
    `parentRefs: [{name: gw}], rules: [{backendRefs: [{group: inference.networking.k8s.io, kind: InferencePool, name: p}]}]`,
  ),
  resource(
    'inference.networking.k8s.io/v1',
    'InferencePool',
    'p',
    'selector: {matchLabels: {app: m}}, targetPorts: [{number: 1}], endpointPickerRef: {name: nobody, port: {number: 1}}',
  ),
  resource(AI, 'AIGatewayRoute', 'm', `${PARENT}, rules: [{backendRefs: [{name: a}, {name: lost}]}]`),
  resource(AI, 'AIServiceBackend', 'a', 'schema: {name: OpenAI}, backendRef: {group: gateway.envoyproxy.io, kind: Backend, name: b}'),
  resource(AI, 'BackendSecurityPolicy', 'key', `${TO_A}, type: APIKey, apiKey: {secretRef: {name: nothing}}`),
  resource('aigateway.envoyproxy.io/v1alpha1', 'QuotaPolicy', 'q', `${TO_A}, perModelQuotas: []`),
  resource(AI, 'MCPRoute', 'mcp', `${PARENT}, backendRefs: [{name: b, group: gateway.envoyproxy.io, kind: Backend}]`),
  resource(AI, 'GatewayConfig', 'c', 'globalLLMRequestCosts: []'),
  resource(EG, 'Backend', 'b', 'endpoints: [{ip: {address: 127.0.0.1, port: 9}}]'),
  resource(EG, 'SecurityPolicy', 's', `${TO_GATEWAY}, cors: {allowOrigins: ["https://a.b"]}`),
  resource(EG, 'SecurityPolicy', 't', TO_GATEWAY),
  resource(EG, 'BackendTrafficPolicy', 's', TO_GATEWAY.replace('name: gw', 'name: gone, sectionName: x')),
  resource(EG, 'ClientTrafficPolicy', 's', TO_GATEWAY),
  resource(
    'gateway.networking.k8s.io/v1',
    'BackendTLSPolicy',
    's',
    `targetRefs: [{group: "", kind: Service, name: web}], validation: {hostname: a.b, caCertificateRefs: [${NO_MAP}]}`,
  ),
  resource('tierkit.dev/v1alpha1', 'Budget', 'b', 'tokens: 1, window: {unit: Day}'),
  resource('tierkit.dev/v1alpha1', 'PriceTable', 'b', 'prices: 1'),
  resource('tierkit.dev/v1alpha1', 'TokenExchange', 'b', 'servers: 7'),
  resource('tierkit.dev/v1alpha1', 'TracePolicy', 'b', 'content: {inputs: Hide}'),
]
  .join('')
  .replace('metadata: {name: gw}', 'metadata: {name: gw, annotations: {aigateway.envoyproxy.io/gateway-config: c}}');

const KINDS = [
  'AIGatewayRoute',
  'AIServiceBackend',
  'Backend',
  'BackendSecurityPolicy',
  'BackendTLSPolicy',
  'BackendTrafficPolicy',
  'Budget',
  'ClientTrafficPolicy',
  'Gateway',
  'GatewayClass',
  'GatewayConfig',
  'HTTPRoute',
  'InferencePool',
  'MCPRoute',
  'PriceTable',
  'QuotaPolicy',
  'SecurityPolicy',
  'TokenExchange',
  'TracePolicy',
];
const clusters = () => [true, false].map((servesPools) => new TestCluster(EVERYTHING, { servesPools }));

describe('the statuses of a cluster', () => {
  it('are written for every kind that has one', () => {
    const kinds = clusters().flatMap((cluster) => cluster.desired().map(({ kind }) => kind.kind));
    expect([...new Set(kinds)].sort()).toEqual(KINDS);
  });

  it('are not written again once they are there', () => {
    for (const cluster of clusters()) {
      expect(cluster.write('2026-01-01T00:00:00Z').length).toBeGreaterThan(15);
      expect(cluster.desired('2027-01-01T00:00:00Z')).toEqual([]);
    }
  });

  it('are not written again where their lists are in another order', () => {
    const cluster = new TestCluster(EVERYTHING, { servesPools: true });
    cluster.write();
    cluster.objects = cluster.objects.map((object) => ({ ...object, status: reversed(object['status']) }));
    expect(cluster.desired()).toEqual([]);
  });

  it('are written again, all of them, for a new generation', () => {
    const cluster = new TestCluster(EVERYTHING, { servesPools: false });
    const before = cluster.write().map(({ kind, name }) => `${kind.kind} ${name}`);
    cluster.objects = cluster.objects.map((object) => ({ ...object, metadata: { ...object.metadata, generation: 4 } }));
    expect(cluster.write().map(({ kind, name }) => `${kind.kind} ${name}`)).toEqual(before);
    expect(JSON.stringify(cluster.objects.map((object) => object['status']))).not.toContain('"observedGeneration":3');
  });

  it('are none for an empty cluster', () => {
    expect(new TestCluster('').desired()).toEqual([]);
  });
});

function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed).reverse();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, reversed(each)]));
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
}

const named = process.env['TIERKIT_CRDS'];
const folder = named ?? fileURLToPath(new URL('../../../shared/crds', import.meta.url));

const present = existsSync(folder);
if (!present) console.warn('statuses.test.ts: skipped the comparison with real CRDs; name a folder of their YAML files in TIERKIT_CRDS');

it('has real CRDs to compare with, where they are asked for', () => {
  expect(present || (named === undefined && process.env['REQUIRE_REAL'] !== '1'), `${folder} is missing`).toBe(true);
});

describe.runIf(present)('statuses and real CRDs', () => {
  const schemas = present ? readSchemas(folder) : new Map<string, Schema>();
  const ajv = new Ajv({
    strict: false,
    allErrors: true,
    formats: {
      'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/,
      int32: true,
      int64: true,
      ipv4: (text) => isIP(text) === 4,
      ipv6: (text) => isIP(text) === 6,
    },
  });
  const written = clusters().flatMap((cluster) => {
    cluster.write();
    return cluster.objects.filter((object) => object['status'] !== undefined);
  });

  // Kinds of ours have no such file.
  it.each(written.filter(({ apiVersion }) => !apiVersion.startsWith('tierkit.dev/')))('$kind $metadata.name', (object) => {
    expect(problemsOf(object, schemas.get(`${object.apiVersion} ${object.kind}`)!, ajv)).toEqual([]);
  });

  it('names a status that does not fit', () => {
    const [object] = written.filter(({ kind }) => kind === 'HTTPRoute');
    const schema = schemas.get(`${object!.apiVersion} HTTPRoute`)!;
    expect(problemsOf({ ...object!, status: { parents: [], parent: 1 } }, schema, ajv)).not.toEqual([]);
    expect(problemsOf({ ...object!, status: { parents: [{ conditions: [] }] } }, schema, ajv)).not.toEqual([]);
  });
});

/** The API server drops what a CRD does not know: it would be written again and again. */
function problemsOf(object: KubernetesObject, schema: Schema, ajv: Ajv): string[] {
  const validate = ajv.compile(closed(fieldsOf(schema.properties)['status'] as Schema));
  return validate(object['status']) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

function closed(schema: Schema): object {
  const { properties, items, ...rest } = schema;
  return {
    ...rest,
    ...(items === undefined ? {} : { items: closed(items) }),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, closed(each)])),
          additionalProperties: false,
        }),
  };
}

/** By `apiVersion kind`. */
function readSchemas(root: string): ReadonlyMap<string, Schema> {
  interface Crd {
    readonly kind: string;
    readonly spec: {
      readonly group: string;
      readonly names: { readonly kind: string };
      readonly versions: readonly { readonly name: string; readonly schema: { readonly openAPIV3Schema: Schema } }[];
    };
  }
  const crds = readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(root, name))
    .filter((file) => statSync(file).isFile())
    .flatMap((file) => loadAll(readFileSync(file, 'utf8')) as (Crd | null)[])
    .filter((document): document is Crd => document?.kind === 'CustomResourceDefinition');
  return new Map(
    crds.flatMap(({ spec }) =>
      spec.versions.map((version) => [`${spec.group}/${version.name} ${spec.names.kind}`, version.schema.openAPIV3Schema] as const),
    ),
  );
}
