// The picker that a pool names, in a cluster: where it is, and what becomes of a pool whose picker cannot be had.
import { afterEach, describe, expect, it } from 'vitest';

import type { EndpointSlice } from '#core/kubernetes/endpoint-slices';
import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Reason } from '#core/resources/reason';
import { type CompileOptions, newShared } from '#core/route/compile';
import { aiRouteYaml, gatewayYaml, httpRouteYaml, model, routesOf, TO_B } from '#core/route/route.fixture';
import type { Pools, Scope } from '#core/route/scope';

import { poolRef } from '../tier-two.fixture.ts';
import { type ExternalReference, externalPickerOf } from './external-reference.ts';
import { PoolsInService } from './pools-in-service.ts';

const open: PoolsInService[] = [];
afterEach(async () => {
  for (const pools of open.splice(0)) await pools.close();
});

const pool = (name: string, ref: string, annotations = '') => `
---
apiVersion: inference.networking.k8s.io/v1
kind: InferencePool
metadata: {name: ${name}, annotations: {tierkit.dev/endpoints: "192.0.2.1:61"${annotations}}}
spec: {selector: {matchLabels: {app: m}}, targetPorts: [{number: 8000}]${ref === '' ? '' : `, endpointPickerRef: ${ref}`}}
`;
const service = (spec: string) => `
---
apiVersion: v1
kind: Service
metadata: {name: epp}
spec: {${spec}}
`;
const EPP = '{name: epp, port: {number: 9002}}';
const PORT = 'ports: [{port: 9002}]';

const SLICE: EndpointSlice = { addresses: ['10.0.0.1'], ports: [{ name: 'grpc', port: 9200 }] };
/** A rule of an HTTPRoute. */
const rule = (of: string, path: string) => `{matches: [{path: {value: ${path}}}], backendRefs: [${of}]}`;

interface Found {
  readonly picker: ExternalReference | undefined;
  readonly problems: readonly (readonly [path: string, reason: Reason | undefined, message: string])[];
}

/** What is found for the one pool of the resources. */
function pickerIn(yaml: string, options: CompileOptions = { inCluster: true, listenOn: () => 1 }): Found {
  let picker: ExternalReference | undefined;
  const problems: Found['problems'][number][] = [];
  const pools: Pools = {
    alone: true,
    begin: () => undefined,
    commit: () => undefined,
    rollback: () => undefined,
    close: () => Promise.resolve(),
    serve(resource: InferencePool, scope: Scope) {
      picker = externalPickerOf(resource, (path, message, reason) => void problems.push([path, reason, message]), scope);
      return undefined;
    },
  };
  routesOf(yaml, newShared(undefined, pools), options);
  return { picker, problems };
}

describe('in a cluster the picker is', () => {
  it.each([
    ['at the address of its Service', `clusterIP: 10.96.0.7, ${PORT}`, '10.96.0.7:9002'],
    ['at an IPv6 one', `clusterIP: "fd00::7", ${PORT}`, '[fd00::7]:9002'],
    ['at its name before it has an address', PORT, 'epp.default.svc.cluster.local:9002'],
    ['at the pods of a headless one', 'clusterIP: None, ports: [{port: 9002, targetPort: 9100}]', 'epp.default.svc.cluster.local:9100'],
    ['at the same port of the pods', `clusterIP: None, ${PORT}`, 'epp.default.svc.cluster.local:9002'],
    ['at a named port', 'clusterIP: None, ports: [{port: 9002, name: grpc, targetPort: ext-proc}]', 'epp.default.svc.cluster.local:9200'],
  ])('%s', (_name, spec, address) => {
    const { picker, problems } = pickerIn(pool('p', EPP) + service(spec), { inCluster: true, slices: () => [SLICE] });
    expect(problems).toEqual([]);
    expect(picker).toMatchObject({ address, failureMode: 'FailClose', tls: {} });
  });

  it.each([
    ['none that is named', '', '', []],
    ['not asked where the gateway shall pick', EPP, ', tierkit.dev/picker: built-in', []],
  ])('%s', (_name, ref, annotations, problems) => {
    expect(pickerIn(pool('p', ref, annotations))).toEqual({ picker: undefined, problems });
  });

  it.each([
    ['a Service that is not there', EPP, '', 'name', /no Service default\/epp/],
    ['another kind', '{group: example.com, kind: Picker, name: epp}', '', 'kind', /must be a Service, not Picker of example\.com/],
    ['a port that is not there', EPP, service('clusterIP: 10.96.0.7, ports: [{port: 9003}]'), 'port', /has no port 9002; it has 9003/],
    ['a name outside', EPP, service(`type: ExternalName, externalName: example.com, ${PORT}`), 'name', /ExternalName/],
    [
      'a Service that is to be verified, by what is not there',
      EPP,
      `${service(`clusterIP: 10.96.0.7, ${PORT}`)}
---
apiVersion: gateway.networking.k8s.io/v1
kind: BackendTLSPolicy
metadata: {name: t}
spec: {targetRefs: [{group: "", kind: Service, name: epp}], validation: {hostname: h, caCertificateRefs: [{group: "", kind: ConfigMap, name: gone}]}}`,
      undefined,
      /BackendTLSPolicy has problems/,
    ],
  ])('never taken for granted: %s', (_name, ref, more, field, message) => {
    const { picker, problems } = pickerIn(pool('p', ref) + more);
    expect(picker).toBeUndefined();
    expect(problems).toEqual([
      [
        field === undefined ? 'spec.endpointPickerRef' : `spec.endpointPickerRef.${field}`,
        'InvalidExtensionRef',
        expect.stringMatching(message),
      ],
    ]);
  });
});

it('from files a picker may have a name outside', () => {
  const found = pickerIn(pool('p', EPP) + service(`type: ExternalName, externalName: localhost, ${PORT}`), {});
  expect(found).toMatchObject({ picker: { address: 'localhost:9002' }, problems: [] });
});

describe('a pool whose picker cannot be had', () => {
  const yaml =
    gatewayYaml() +
    pool('broken', EPP) +
    pool('good', '') +
    httpRouteYaml('web', `rules: [${rule(poolRef('broken'), '/broken')}, ${rule(poolRef('good'), '/good')}]`) +
    httpRouteYaml(
      'mixed',
      `rules: [{matches: [{path: {value: /mixed}}], backendRefs: [${poolRef('broken', 'weight: 3')}, ${poolRef('good', 'weight: 1')}]}]`,
    ) +
    httpRouteYaml('other', `rules: [{matches: [{path: {value: /other}}], ${TO_B}}]`) +
    aiRouteYaml('m', `{matches: [${model('m')}], backendRefs: [${poolRef('broken')}, ${poolRef('good')}]}`);

  it('takes the requests to it with it, and no others', () => {
    const pools = new PoolsInService(() => undefined);
    open.push(pools);
    pools.begin();
    const { compiled, ordinary, ai } = routesOf(yaml, newShared(undefined, pools), { inCluster: true, listenOn: () => 1 });
    pools.commit((dispose) => dispose());
    expect([ordinary('/broken').lost, ordinary('/mixed').lost, ordinary('/good').lost, ordinary('/other').lost]).toEqual([1, 0.75, 0, 0]);
    expect(ordinary('/mixed').plan.targets.map(({ backend }) => backend.name)).toEqual(['default/good']);
    expect(ai('m').plan.targets.map(({ backend }) => backend.name)).toEqual(['default/good']);
    expect(compiled.problems).toMatchObject([{ resource: 'InferencePool default/broken', reason: 'InvalidExtensionRef' }]);
    expect([...pools.byName().keys()]).toEqual(['default/good']);
  });

  it('is served once its picker is there', () => {
    const pools = new PoolsInService(() => undefined);
    open.push(pools);
    pools.begin();
    const all = yaml + service(`clusterIP: 10.96.0.7, ${PORT}`);
    const { compiled, ordinary } = routesOf(all, newShared(undefined, pools), { inCluster: true, listenOn: () => 1 });
    pools.commit((dispose) => dispose());
    expect([ordinary('/broken').lost, compiled.problems]).toEqual([0, []]);
  });
});

it('a file of the process is nothing that a pool of a cluster may name', () => {
  const yaml = pool('p', '').replace('tierkit.dev/endpoints: "192.0.2.1:61"', 'tierkit.dev/endpoints-file: /etc/passwd');
  const pools = new PoolsInService(() => undefined, { alone: true });
  open.push(pools);
  pools.begin();
  const { problems } = routesOf(yaml, newShared(undefined, pools), { inCluster: true });
  pools.rollback();
  expect(problems).toEqual([expect.stringContaining('names a file of the process')]);
});
