import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import { KubernetesClient } from './client.ts';
import { type ClusterChange, ClusterWatch } from './cluster-watch.ts';
import { keepObject, sameContent } from './keep.ts';
import { LeaderElection } from './leader-election.ts';
import { LEASE, readLease } from './lease.ts';
import { ReferencedWatch } from './referenced-watch.ts';
import { Reflector } from './reflector.ts';
import type { KubernetesObject, ResourceType } from './resource.ts';
import { until } from './time.fixture.ts';

const KUBECONFIG = process.env['TIERKIT_TEST_KUBECONFIG'];
const MISSING = 'name the kubeconfig of a cluster that may be changed, with the CRDs of Gateway API: TIERKIT_TEST_KUBECONFIG';
if (KUBECONFIG === undefined) process.stderr.write(`skipped: the Kubernetes API of a real cluster; ${MISSING}\n`);

const core = (kind: string, plural: string, namespaced = true): ResourceType => ({ group: '', version: 'v1', kind, plural, namespaced });
const CONFIG_MAP = core('ConfigMap', 'configmaps');
const NAMESPACE = core('Namespace', 'namespaces', false);
const SERVICE_ACCOUNT = core('ServiceAccount', 'serviceaccounts');
const SECRET = core('Secret', 'secrets');
const ROUTE: ResourceType = {
  group: 'gateway.networking.k8s.io',
  version: 'v1',
  kind: 'HTTPRoute',
  plural: 'httproutes',
  namespaced: true,
};
const ROLE: ResourceType = {
  group: 'rbac.authorization.k8s.io',
  version: 'v1',
  kind: 'Role',
  plural: 'roles',
  namespaced: true,
};
const BINDING: ResourceType = { ...ROLE, kind: 'RoleBinding', plural: 'rolebindings' };

const namespace = `tierkit-test-${process.pid}`;
const of = (type: ResourceType, name: string, rest: object): KubernetesObject => ({
  apiVersion: type.group === '' ? type.version : `${type.group}/${type.version}`,
  kind: type.kind,
  metadata: { name, ...(type.namespaced ? { namespace } : {}) },
  ...rest,
});
const route = (index: number) =>
  of(ROUTE, `r${index}`, {
    spec: { parentRefs: [{ name: 'gateway' }], hostnames: [`h${index}.example.com`], rules: [{ backendRefs: [{ name: 's', port: 80 }] }] },
  });

async function inParallel(count: number, run: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < count) await run(next++);
  };
  await Promise.all(Array.from({ length: 16 }, worker));
}

describe.skipIf(KUBECONFIG === undefined && process.env['REQUIRE_REAL'] !== '1')('a real cluster', () => {
  let client: KubernetesClient;
  const stops: (() => unknown)[] = [];

  beforeAll(async () => {
    if (KUBECONFIG === undefined) throw new Error(`REQUIRE_REAL is set: ${MISSING}`);
    client = await KubernetesClient.connect({ kubeconfig: KUBECONFIG });
    await client.create(NAMESPACE, of(NAMESPACE, namespace, {}));
  });
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });
  afterAll(async () => {
    await client?.delete(NAMESPACE, { name: namespace });
    await client?.close();
  });

  it('makes few changes of many routes that come in one go, and has all of them', { timeout: 120_000 }, async () => {
    const changes: ClusterChange[] = [];
    const watch = new ClusterWatch({
      client,
      kinds: [
        { ...ROUTE, versions: ['v1'] },
        { ...CONFIG_MAP, versions: ['v1'] },
        { ...ROUTE, group: 'nobody.example.com', versions: ['v1'] },
      ],
      namespaces: [namespace],
      onChange: (change) => changes.push(change),
      log: () => undefined,
    });
    stops.push(() => watch.stop());
    watch.start();
    await watch.synced(30_000);
    expect(watch.states().map(({ state }) => state)[2]).toBe('missing');
    await until(() => client.watches === 2);
    await inParallel(500, (index) => client.create(ROUTE, route(index)));
    await until(() => watch.objects(ROUTE).length === 500 && changes.at(-1)?.revision === watch.revision);
    expect(changes.length).toBeLessThan(250);
    const held = watch.get(ROUTE, namespace, 'r7')!;
    expect(held.object.metadata).not.toHaveProperty('managedFields');
    expect(held.object['spec']).toMatchObject({ hostnames: ['h7.example.com'], rules: [{ matches: [{ path: { value: '/' } }] }] });

    // What a controller writes of it.
    const { revision } = watch;
    const condition = { type: 'Accepted', status: 'True', reason: 'Accepted', message: '', lastTransitionTime: '2026-01-01T00:00:00Z' };
    const parents = [{ parentRef: { name: 'gateway' }, controllerName: 'tierkit.dev/gateway', conditions: [condition] }];
    const { apiVersion, kind, metadata } = held.object;
    const named = { apiVersion, kind, metadata: { name: metadata.name, namespace }, status: { parents } };
    const bunches = changes.length;
    await client.apply(ROUTE, named, { fieldManager: 'tierkit-test', subresource: 'status' });
    await until(() => changes.length > bunches);
    expect(changes.at(-1)).toMatchObject({ content: false, revision });
    expect(watch.get(ROUTE, namespace, 'r7')!.object['status']).toMatchObject({ parents: [{ conditions: [condition] }] });
    await expect(client.replace(ROUTE, { ...held.object, metadata: { ...metadata, resourceVersion: '1' } })).rejects.toMatchObject({
      conflict: true,
    });
  });

  it('reads lists in pages, and again after its connections are cut', { timeout: 60_000 }, async () => {
    await inParallel(30, (index) => client.create(CONFIG_MAP, of(CONFIG_MAP, `c${index}`, { data: { index: String(index) } })));
    const own = await KubernetesClient.connect({ kubeconfig: KUBECONFIG! });
    const stop = new AbortController();
    const reflector = new Reflector({
      client: own,
      type: CONFIG_MAP,
      keep: keepObject,
      same: sameContent,
      namespaces: [namespace],
      tuning: { pageSize: 7 },
    });
    const running = reflector.run(stop.signal);
    stops.push(async () => {
      stop.abort();
      await running;
      await own.close();
    });
    await reflector.synced();
    const names = (await client.list(CONFIG_MAP, namespace)).items.map(({ metadata }) => (metadata as { name: string }).name);
    expect(reflector.all().map(({ name }) => name)).toEqual(names.sort());
    await until(() => own.watches === 1);
    await client.delete(CONFIG_MAP, { namespace, name: 'c3' });
    await client.mergePatch(CONFIG_MAP, { namespace, name: 'c4' }, { data: { index: null, more: 'x' } });
    await until(() => reflector.get(namespace, 'c3') === undefined && reflector.get(namespace, 'c4')?.object['data'] !== undefined);
    await until(() => JSON.stringify(reflector.get(namespace, 'c4')?.object['data']) === '{"more":"x"}');
  });

  it('says what a narrow service account may not do, and reads the one Secret that it may', { timeout: 60_000 }, async () => {
    await client.create(SERVICE_ACCOUNT, of(SERVICE_ACCOUNT, 'narrow', {}));
    for (const name of ['mine', 'other']) await client.create(SECRET, of(SECRET, name, { stringData: { key: name } }));
    const rules = [{ apiGroups: [''], resources: ['secrets'], resourceNames: ['mine'], verbs: ['get', 'list', 'watch'] }];
    await client.create(ROLE, of(ROLE, 'narrow', { rules }));
    const subjects = [{ kind: 'ServiceAccount', name: 'narrow', namespace }];
    await client.create(
      BINDING,
      of(BINDING, 'narrow', { subjects, roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'narrow' } }),
    );
    const { status } = await client.request<{ status: { token: string } }>(
      'POST',
      `/api/v1/namespaces/${namespace}/serviceaccounts/narrow/token`,
      { body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 600 } } },
    );
    const narrow = await KubernetesClient.connect({ kubeconfig: withToken(KUBECONFIG!, status.token) });
    stops.push(() => narrow.close());
    await expect(narrow.list(ROUTE, namespace)).rejects.toThrow(
      `this service account (system:serviceaccount:${namespace}:narrow) may not list httproutes.gateway.networking.k8s.io in namespace ${namespace}: ` +
        'grant verb list on resource httproutes of group gateway.networking.k8s.io',
    );
    await expect(narrow.list({ ...ROUTE, version: 'v9' }, namespace)).rejects.toThrow(/may not list|does not serve/);
    const lines: string[] = [];
    const secrets = new ReferencedWatch({
      client: narrow,
      type: SECRET,
      onChange: () => undefined,
      log: (_level, message) => lines.push(message),
    });
    stops.push(() => secrets.stop());
    secrets.want(['mine', 'other'].map((name) => ({ namespace, name })));
    expect(await secrets.synced(3000)).toBe(false);
    expect(secrets.all().map(({ name }) => name)).toEqual(['mine']);
    expect(lines).toEqual([expect.stringContaining(`secrets ${namespace}/other: this service account`)]);
  });

  it('does not trust another certificate, and says that a type is not served', async () => {
    const other = readFileSync(KUBECONFIG!, 'utf8').replace(/certificate-authority-data: *[\w+/=]+/, 'tls-server-name: other.example.com');
    const file = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
    writeFileSync(file, other);
    const stranger = await KubernetesClient.connect({ kubeconfig: file });
    stops.push(() => stranger.close());
    await expect(stranger.list(CONFIG_MAP)).rejects.toMatchObject({ reason: 'Certificate', unreachable: true });
    await expect(client.list({ ...ROUTE, version: 'v9' })).rejects.toThrow(
      'the cluster does not serve httproutes of gateway.networking.k8s.io/v9: install its CRDs',
    );
  });

  it('has one leader of two, and the other one when that stops', { timeout: 60_000 }, async () => {
    const log: string[] = [];
    const elections = ['a', 'b'].map(
      (identity) =>
        new LeaderElection({
          client,
          namespace,
          name: 'leader',
          identity,
          leaseMs: 5000,
          renewDeadlineMs: 3000,
          retryMs: 500,
          onStart: () => log.push(`${identity} leads`),
          onStop: () => log.push(`${identity} does not`),
          onError: ({ message }) => log.push(message),
        }),
    );
    stops.push(() => Promise.all(elections.map((each) => each.stop())));
    for (const election of elections) election.start();
    await until(() => elections.some(({ leading }) => leading));
    const [first, second] = elections[0]!.leading ? ['a', 'b'] : ['b', 'a'];
    await until(() => elections.every(({ leader }) => leader === first));
    expect(elections.filter(({ leading }) => leading)).toHaveLength(1);
    await elections.find(({ leading }) => leading)!.stop();
    await until(() => elections.some(({ leading }) => leading));
    expect(log).toEqual([`${first} leads`, `${first} does not`, `${second} leads`]);
    const lease = await readLease(client, { namespace, name: 'leader' }, 5000, new AbortController().signal);
    expect(lease).toMatchObject({ kind: LEASE.kind, spec: { holderIdentity: second, leaseTransitions: 1 } });
  });
});

function withToken(kubeconfig: string, token: string): string {
  const file = join(mkdtempSync(join(tmpdir(), 'kubeconfig-')), 'config');
  writeFileSync(file, readFileSync(kubeconfig, 'utf8').replace(/user: *\{[^}]*\}/, `user: {token: ${token}}`));
  return file;
}
