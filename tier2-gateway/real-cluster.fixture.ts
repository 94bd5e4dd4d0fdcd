// For tests: a namespace of a real cluster, with tier two, simulated model servers and official endpoint pickers as pods.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';

import { KubernetesClient } from '#core/kubernetes/client';
import type { KubernetesObject, ResourceType } from '#core/kubernetes/resource';

const MANIFESTS = join(import.meta.dirname, '../examples/kubernetes');
const CLUSTER_WIDE = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'GatewayClass', 'Node']);

/** What a test needs of the environment, in words, where it is missing. */
export function missing(...variables: readonly (keyof typeof NEEDS)[]): string | undefined {
  const left = variables.filter((name) => (process.env[name] ?? '') === '');
  return left.length === 0 ? undefined : left.map((name) => `${name} has to name ${NEEDS[name]}`).join('; ');
}

const NEEDS = {
  TIERKIT_TEST_KUBECONFIG:
    'the kubeconfig of a cluster that may be changed, whose addresses this machine reaches, with CRDs and load balancers',
  TIERKIT_IMAGE: 'an image of Tierkit that its nodes have',
  TIERKIT_TEST_EPP_IMAGE: 'an image of the reference endpoint picker (program /epp) that its nodes have',
  TIERKIT_TEST_LWEPP_IMAGE: 'an image of the lightweight endpoint picker (program /lwepp) that its nodes have',
} as const;

export interface PodStatus {
  readonly name: string;
  readonly ip: string;
}

/** A namespace and all that a test has in it. */
export class TestNamespace {
  readonly name: string;
  readonly client: KubernetesClient;
  readonly #wide: { type: ResourceType; name: string }[] = [];

  private constructor(name: string, client: KubernetesClient) {
    this.name = name;
    this.client = client;
  }

  static async create(purpose: string): Promise<TestNamespace> {
    const name = `tierkit-${purpose}-${process.pid}`;
    const space = new TestNamespace(name, await KubernetesClient.connect({ kubeconfig: process.env['TIERKIT_TEST_KUBECONFIG']! }));
    await space.apply(`{apiVersion: v1, kind: Namespace, metadata: {name: ${name}}}`);
    return space;
  }

  /** Deletes it, and what of the cluster was made for it. */
  async close(): Promise<void> {
    for (const { type, name } of this.#wide.toReversed()) await this.client.delete(type, { name }).catch(() => undefined);
    await this.client.close();
  }

  async apply(yaml: string): Promise<void> {
    for (const object of loadAll(yaml) as (KubernetesObject | null)[]) if (object !== null) await this.applyObject(object);
  }

  async applyObject(object: KubernetesObject): Promise<void> {
    const type = typeOf(object);
    const metadata = type.namespaced ? { namespace: this.name, ...object.metadata } : object.metadata;
    if (!type.namespaced) this.#wide.push({ type, name: metadata.name });
    await this.client.apply(type, { ...object, metadata }, { fieldManager: 'tierkit-test' });
  }

  /** Tier two as the example has it, but for names of the whole cluster. */
  async tierTwo(replicas = 1): Promise<void> {
    const yaml = ['access.yaml', 'tier-two.yaml'].map((file) => readFileSync(join(MANIFESTS, file), 'utf8')).join('\n---\n');
    const image = `image: ${process.env['TIERKIT_IMAGE']}\n        imagePullPolicy: IfNotPresent`;
    const own = yaml
      .replaceAll('tierkit-system', this.name)
      .replace('image: tierkit', image)
      .replace('replicas: 2', `replicas: ${replicas}`);
    for (const object of loadAll(own) as KubernetesObject[]) {
      if (object.kind === 'Namespace') continue;
      if (!CLUSTER_WIDE.has(object.kind)) await this.applyObject(object);
      else {
        // One class; roles and their bindings keep the names that tell them apart.
        const name = object.kind === 'GatewayClass' ? this.name : `${this.name}-${object.metadata.name}`;
        await this.applyObject({ ...object, metadata: { ...object.metadata, name }, ...roleOf(object, name) });
      }
    }
    await this.apply(`
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: gw}
spec: {gatewayClassName: ${this.name}, listeners: [{name: http, port: 80, protocol: HTTP}]}
`);
    await this.ready({ 'app.kubernetes.io/component': 'tier-two' }, replicas);
  }

  /** A Deployment. @param container its first container, as YAML of one line */
  async deployment(name: string, replicas: number, container: string, more = ''): Promise<void> {
    await this.apply(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  selector: {matchLabels: {run: ${name}}}
  template:
    metadata: {labels: {run: ${name}, app: ${name}}}
    spec: {terminationGracePeriodSeconds: 30, containers: [${container}]${more}}
`);
  }

  /** Simulated vLLM pods with the label `app: NAME`. */
  async sim(name: string, replicas: number, ...flags: readonly string[]): Promise<void> {
    await this.deployment(name, replicas, simContainer(8000, flags));
    await this.ready({ run: name }, replicas);
  }

  /** Pods that answer with the headers and the number of bytes that they got. */
  async echo(name: string, replicas: number): Promise<void> {
    const image = process.env['TIERKIT_IMAGE'];
    const probe = '{tcpSocket: {port: 8000}, periodSeconds: 1}';
    const container = `{name: echo, image: "${image}", imagePullPolicy: IfNotPresent, command: [/usr/bin/node, -e, ${JSON.stringify(ECHO)}], readinessProbe: ${probe}}`;
    await this.deployment(name, replicas, container);
    await this.ready({ run: name }, replicas);
  }

  /** A picker of the official ones, and its Service. */
  async picker(name: string, pool: string, program: 'epp' | 'lwepp', ...flags: readonly string[]): Promise<void> {
    const groups = '["", inference.networking.k8s.io, inference.networking.x-k8s.io, llm-d.ai]';
    const args = [`--pool-name=${pool}`, `--pool-namespace=${this.name}`, '--zap-encoder=json', ...flags];
    await this.apply(`
{apiVersion: v1, kind: ServiceAccount, metadata: {name: picker}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: picker}
rules: [{apiGroups: ${groups}, resources: [pods, inferencepools, inferenceobjectives, inferencemodelrewrites], verbs: [get, list, watch]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: picker}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: picker}
subjects: [{kind: ServiceAccount, name: picker, namespace: ${this.name}}]
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec: {selector: {run: ${name}}, ports: [{port: 9002, appProtocol: http2}]}
`);
    const image = process.env[program === 'epp' ? 'TIERKIT_TEST_EPP_IMAGE' : 'TIERKIT_TEST_LWEPP_IMAGE'];
    const probe = '{grpc: {port: 9003, service: readiness}, periodSeconds: 1}';
    await this.deployment(
      name,
      1,
      `{name: picker, image: "${image}", imagePullPolicy: IfNotPresent, args: ${JSON.stringify(args)}, readinessProbe: ${program === 'epp' ? probe : '{tcpSocket: {port: 9002}, periodSeconds: 1}'}}`,
      ', serviceAccountName: picker',
    );
    await this.ready({ run: name }, 1);
  }

  async scale(deployment: string, replicas: number): Promise<void> {
    await this.client.mergePatch(
      typeOf({ apiVersion: 'apps/v1', kind: 'Deployment' }),
      { namespace: this.name, name: deployment },
      { spec: { replicas } },
    );
  }

  /** Pods that have these labels, run, are ready and do not end; once there are so many. */
  async ready(labels: Readonly<Record<string, string>>, count: number): Promise<PodStatus[]> {
    return eventually(`${count} pods of ${JSON.stringify(labels)} in ${this.name}`, 120_000, async () => {
      const pods = await this.pods(labels);
      const ready = pods.filter(isReady);
      return ready.length === count && pods.length === count
        ? ready.map(({ metadata, status }) => ({ name: metadata.name, ip: status!.podIP! }))
        : undefined;
    });
  }

  async pods(labels: Readonly<Record<string, string>>): Promise<PodObject[]> {
    const labelSelector = Object.entries(labels)
      .map(([name, value]) => `${name}=${value}`)
      .join(',');
    return (await this.client.list(POD, this.name, { labelSelector })).items as unknown as PodObject[];
  }

  async deletePod(name: string, graceSeconds?: number): Promise<void> {
    const query = graceSeconds === undefined ? {} : { gracePeriodSeconds: graceSeconds };
    await this.client.request('DELETE', `/api/v1/namespaces/${this.name}/pods/${name}`, { query });
  }

  async patchPod(name: string, patch: object): Promise<void> {
    await this.client.mergePatch(POD, { namespace: this.name, name }, patch);
  }

  /** Where the Gateway answers. */
  async gateway(): Promise<string> {
    const type = typeOf({ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'Gateway' });
    const address = await eventually('an address of the Gateway', 60_000, async () => {
      const { status } = await this.client.get(type, { namespace: this.name, name: 'gw' });
      return (status as { addresses?: { value: string }[] } | undefined)?.addresses?.[0]?.value;
    });
    return `http://${address}`;
  }

  /** What tier two says at its admin port. */
  async admin<T>(path: string): Promise<T> {
    const [pod] = await this.ready({ 'app.kubernetes.io/component': 'tier-two' }, 1);
    return (await fetch(`http://${pod!.ip}:1065${path}`)).json() as Promise<T>;
  }

  /** Lines of the access log of tier two. */
  async accessLog(): Promise<AccessLine[]> {
    const [pod] = await this.pods({ 'app.kubernetes.io/component': 'tier-two' });
    const text = await this.log(pod!.metadata.name);
    return text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line) as AccessLine] : []));
  }

  async log(pod: string): Promise<string> {
    // Not JSON: read as a watch is.
    const stream = await this.client.watch({ ...POD, plural: `pods/${pod}/log` }, this.name, {});
    const chunks: Uint8Array[] = [];
    for await (const chunk of stream) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  }
}

export interface AccessLine {
  readonly response_code: number;
  readonly upstream_host?: string;
  readonly attempts?: readonly { readonly backend: string; readonly failure?: string; readonly detail?: string }[];
  readonly [field: string]: unknown;
}

export interface PodObject extends KubernetesObject {
  readonly status?: { readonly phase?: string; readonly podIP?: string; readonly conditions?: readonly { type: string; status: string }[] };
}

const ECHO = `require('node:http').createServer((request, response) => {
  let bytes = 0;
  request.on('data', (chunk) => (bytes += chunk.length));
  request.on('end', () => response.setHeader('content-type', 'application/json').end(JSON.stringify({ headers: request.headers, bytes })));
}).listen(8000);`;

const POD: ResourceType = { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true };

export function simContainer(port: number, flags: readonly string[] = []): string {
  const args = JSON.stringify(['sim', '--host=0.0.0.0', `--port=${port}`, '--model=m', ...flags]);
  const image = process.env['TIERKIT_IMAGE'];
  const probe = `{httpGet: {path: /health, port: ${port}}, periodSeconds: 1}`;
  return `{name: sim, image: "${image}", imagePullPolicy: IfNotPresent, args: ${args}, readinessProbe: ${probe}, lifecycle: {preStop: {sleep: {seconds: 5}}}}`;
}

function isReady({ metadata, status }: PodObject): boolean {
  const ready = status?.conditions?.some(({ type, status: holds }) => type === 'Ready' && holds === 'True');
  return metadata.deletionTimestamp === undefined && status?.phase === 'Running' && ready === true;
}

/** Waits until something is there. @throws Error with `what` when the time is over */
export async function eventually<T>(what: string, ms: number, get: () => Promise<T | undefined>): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const value = await get();
    if (value !== undefined) return value;
    if (Date.now() > end) throw new Error(`not in time: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

export function typeOf({ apiVersion, kind }: { apiVersion: string; kind: string }): ResourceType {
  const [version, group = ''] = apiVersion.split('/').toReversed();
  const lower = kind.toLowerCase();
  return { group, version: version!, kind, plural: lower.endsWith('s') ? `${lower}es` : `${lower}s`, namespaced: !CLUSTER_WIDE.has(kind) };
}

function roleOf(object: KubernetesObject, name: string): object {
  const { roleRef } = object as { roleRef?: object };
  return roleRef === undefined ? {} : { roleRef: { ...roleRef, name } };
}
