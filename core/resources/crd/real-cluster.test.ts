import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { KubernetesClient } from '../../kubernetes/client.ts';
import { KubernetesError } from '../../kubernetes/error.ts';
import { apiVersionOf, type KubernetesObject, type ResourceType } from '../../kubernetes/resource.ts';
import { until } from '../../kubernetes/time.fixture.ts';
import { problemsOf } from '../ai-gateway/problems-of.ts';
import { TIERKIT_GROUP } from '../tierkit/group.ts';
import { crdOf } from './crd.ts';
import { OWN_KINDS } from './own-kinds.ts';
import { SPECS } from './specs.fixture.ts';

const KUBECONFIG = process.env['TIERKIT_TEST_KUBECONFIG'];
const MISSING = 'name the kubeconfig of a cluster that may be changed: TIERKIT_TEST_KUBECONFIG';
if (KUBECONFIG === undefined) process.stderr.write(`skipped: our CRDs in a real cluster; ${MISSING}\n`);

const CRD: ResourceType = {
  group: 'apiextensions.k8s.io',
  version: 'v1',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  namespaced: false,
};
const NAMESPACE: ResourceType = { group: '', version: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false };
const namespace = `tierkit-crds-${process.pid}`;
const EXAMPLES = join(import.meta.dirname, '../../../examples');

function typeOf(kind: string): ResourceType {
  const { definition, plural } = OWN_KINDS.find((own) => own.definition.kind === kind)!;
  return { group: TIERKIT_GROUP, version: definition.versions[0]!, kind, plural, namespaced: true };
}

describe.skipIf(KUBECONFIG === undefined && process.env['REQUIRE_REAL'] !== '1')('our CRDs in a real cluster', () => {
  let client: KubernetesClient;
  let count = 0;

  beforeAll(async () => {
    if (KUBECONFIG === undefined) throw new Error(`REQUIRE_REAL is set: ${MISSING}`);
    client = await KubernetesClient.connect({ kubeconfig: KUBECONFIG });
    await client.create(NAMESPACE, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } });
    for (const own of OWN_KINDS) await client.apply(CRD, crdOf(own), { fieldManager: 'tierkit-test' });
    const established = async (): Promise<boolean> => {
      const all = await Promise.all(OWN_KINDS.map((own) => client.get<Installed>(CRD, { name: crdOf(own).metadata.name })));
      return all.every(({ status }) => status?.conditions.some(({ type, status: is }) => type === 'Established' && is === 'True'));
    };
    await until(established);
    await until(() =>
      client.list(typeOf('Budget'), namespace).then(
        () => true,
        () => false,
      ),
    );
  }, 60_000);
  afterAll(async () => {
    await client?.delete(NAMESPACE, { name: namespace });
    await client?.close();
  });

  /** As kubectl does it: unknown fields are refused, and nothing is kept. */
  async function tried(kind: string, spec: unknown): Promise<KubernetesObject | KubernetesError> {
    const type = typeOf(kind);
    const object = { apiVersion: apiVersionOf(type), kind, metadata: { name: `t${count++}`, namespace }, spec };
    const path = `/apis/${object.apiVersion}/namespaces/${namespace}/${type.plural}`;
    try {
      return await client.request<KubernetesObject>('POST', path, { body: object, query: { fieldValidation: 'Strict', dryRun: 'All' } });
    } catch (error) {
      if (error instanceof KubernetesError) return error;
      throw error;
    }
  }

  it('nothing is wrong with the definitions themselves', async () => {
    for (const own of OWN_KINDS) {
      const { status } = await client.get<Installed>(CRD, { name: crdOf(own).metadata.name });
      expect(status!.conditions.filter(({ type, status: is }) => type === 'NonStructuralSchema' && is === 'True')).toEqual([]);
      expect(status!.conditions).toContainEqual(expect.objectContaining({ type: 'NamesAccepted', status: 'True' }));
    }
  });

  it('every example of our kinds is taken, and stays as it loads', async () => {
    const files = readdirSync(EXAMPLES, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.yaml'));
    const ours = files
      .flatMap((name) => loadAll(withDefaults(readFileSync(join(EXAMPLES, name), 'utf8'))) as (KubernetesObject | null)[])
      .filter((object) => object?.apiVersion?.startsWith(`${TIERKIT_GROUP}/`));
    expect(new Set(ours.map((object) => object!.kind))).toEqual(new Set(['Budget', 'PriceTable', 'TokenExchange', 'TracePolicy']));
    for (const object of ours) {
      const { kind, spec } = object as KubernetesObject & { spec: object };
      const answer = await tried(kind, spec);
      expect(answer).not.toBeInstanceOf(KubernetesError);
      const body = { spec };
      expect(problemsOf(OWN_KINDS.find(({ definition }) => definition.kind === kind)!.definition, body)).toEqual([]);
      expect((answer as KubernetesObject)['spec']).toEqual(body.spec);
    }
  });

  it.each(SPECS.filter(({ refused }) => refused === ''))('$kind: $what is taken', async ({ kind, spec }) => {
    expect(await tried(kind, spec)).not.toBeInstanceOf(KubernetesError);
  });

  it.each(SPECS.filter(({ refused }) => refused !== ''))('$kind: $what is refused at $refused', async ({ kind, spec, refused }) => {
    const answer = await tried(kind, spec);
    expect(answer).toBeInstanceOf(KubernetesError);
    const { message, status } = answer as KubernetesError;
    expect([400, 422]).toContain(status);
    expect(message).toContain(refused);
  });

  it('what a controller writes is kept apart, and shown', async () => {
    const type = typeOf('Budget');
    const name = 'shown';
    const spec = { tokens: 5, window: { unit: 'Day' } };
    await client.create(type, { apiVersion: apiVersionOf(type), kind: 'Budget', metadata: { name, namespace }, spec });
    const condition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', observedGeneration: 1 };
    const conditions = [{ ...condition, lastTransitionTime: '2026-01-01T00:00:00Z' }];
    const place = { namespace, name, subresource: 'status' };
    await client.mergePatch(type, place, { status: { conditions }, spec: { tokens: 6 } });
    const written = await client.get(type, { namespace, name });
    expect(written).toMatchObject({ spec: { tokens: 5, mode: 'Hard' }, status: { conditions }, metadata: { generation: 1 } });
    await expect(client.mergePatch(type, place, { status: { conditions: [{ type: 'Accepted' }] } })).rejects.toThrow(/reason/);
  });
});

/** What stands in a file for variables that nobody has set. */
function withDefaults(text: string): string {
  return text.replaceAll(/\$\{\w+:=([^}]*)\}/g, '$1');
}

interface Installed extends KubernetesObject {
  readonly status?: { readonly conditions: readonly { readonly type: string; readonly status: string }[] };
}
