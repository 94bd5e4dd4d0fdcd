// How long one change of a cluster with many routes keeps a process from answering, and when it is live. See README.md beside this file.
import { parseArgs } from 'node:util';

import { RouteStatuses } from '../../core/controller/route-statuses.ts';
import { desiringStatuses } from '../../core/controller/statuses.ts';
import type { GatewayPlace } from '../../core/controller/gateway-services.ts';
import type { KubernetesObject } from '../../core/kubernetes/resource.ts';
import { ClusterLoader, type ClusterLoaded } from '../../core/resources/cluster-load.ts';
import { type GroupKind, groupOf, kindKey } from '../../core/resources/kind.ts';
import { inSlices } from '../../core/resources/slices.ts';
import type { Compiled } from '../../core/route/compile.ts';
import { type Front, Service } from '../../core/serve/service.ts';
import type { ResourceSource } from '../../core/serve/source.ts';
import { Metrics } from '../../core/telemetry/metrics.ts';
import { median } from './statistics.ts';

const { values } = parseArgs({
  options: { routes: { type: 'string', default: '20000' }, times: { type: 'string', default: '10' } },
});
const ROUTES = Number(values.routes);
const TIMES = Number(values.times);
const GATEWAYS = 20;
const SERVICES = 200;
const CONTROLLER = 'tierkit.dev/bench';
/** As the watch of a cluster gathers what comes in a bunch. */
const GATHER_MS = 20;

type Objects = Map<string, KubernetesObject[]>;

/** Stands for a watched cluster. */
class Cluster implements ResourceSource {
  readonly changed = 'the cluster changed';
  readonly compile = { inCluster: true, listenOn: () => 10_000 };
  readonly #loader = new ClusterLoader(CONTROLLER);
  readonly objects: Objects;
  loaded: ClusterLoaded | undefined;
  compiled: Compiled | undefined;
  onServed: () => void = () => undefined;
  #revision = 0;
  #onChange: (() => void) | undefined;

  constructor(objects: Objects) {
    this.objects = objects;
  }

  load(): ClusterLoaded {
    return (this.loaded = this.#loader.load([...this.objects.values()].flat(), String(this.#revision)));
  }

  *loading() {
    return (this.loaded = yield* this.#loader.loading([...this.objects.values()], String(this.#revision)));
  }

  served(compiled: Compiled): void {
    this.compiled = compiled;
    this.onServed();
  }

  change(kind: string, name: string, edit: (object: KubernetesObject) => KubernetesObject): void {
    for (const [key, list] of this.objects) {
      const index = list.findIndex((object) => object.kind === kind && object.metadata.name === name);
      if (index !== -1) this.objects.set(key, list.with(index, edit(structuredClone(list[index]!))));
    }
    this.#revision++;
    setTimeout(() => this.#onChange?.(), GATHER_MS);
  }

  watch(onChange: () => void): void {
    this.#onChange = onChange;
  }

  open = (): Promise<void> => Promise.resolve();
  complete = (): Promise<boolean> => Promise.resolve(false);
  close = (): Promise<void> => Promise.resolve();
}

class Served extends Service {
  protected readonly front: Front = {
    prepare: () => Promise.resolve(() => undefined),
    stop: async () => undefined,
    close: async () => undefined,
  };
}

function objectsOf(): Objects {
  const objects: Objects = new Map();
  const add = (apiVersion: string, kind: string, name: string, rest: object): void => {
    const key = kindKey({ group: groupOf(apiVersion), kind });
    const list = objects.get(key) ?? [];
    objects.set(key, list);
    const namespace = kind === 'GatewayClass' ? {} : { namespace: 'default' };
    const metadata = { name, ...namespace, uid: `${kind}-${name}`, generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' };
    list.push({ apiVersion, kind, metadata, ...rest });
  };
  const GATEWAY_API = 'gateway.networking.k8s.io/v1';
  const ENVOY = 'gateway.envoyproxy.io/v1alpha1';
  const AI = 'aigateway.envoyproxy.io/v1beta1';
  add(GATEWAY_API, 'GatewayClass', 'bench', { spec: { controllerName: CONTROLLER } });
  for (let at = 0; at < GATEWAYS; at++)
    add(GATEWAY_API, 'Gateway', `g${at}`, {
      spec: {
        gatewayClassName: 'bench',
        listeners: [{ name: 'http', port: 80, protocol: 'HTTP', allowedRoutes: { namespaces: { from: 'Same' } } }],
      },
    });
  for (let at = 0; at < SERVICES; at++) {
    add('v1', 'Service', `s${at}`, { spec: { clusterIP: `10.0.${at >> 7}.${(at & 127) + 1}`, ports: [{ port: 80 }] } });
    add(ENVOY, 'Backend', `b${at}`, { spec: { endpoints: [{ fqdn: { hostname: `b${at}.example.com`, port: 443 } }] } });
    add(AI, 'AIServiceBackend', `m${at}`, {
      spec: { schema: { name: 'OpenAI' }, backendRef: { group: 'gateway.envoyproxy.io', kind: 'Backend', name: `b${at}` } },
    });
    add(AI, 'BackendSecurityPolicy', `key${at}`, {
      spec: {
        type: 'APIKey',
        apiKey: { secretRef: { name: `secret${at}` } },
        targetRefs: [{ group: 'aigateway.envoyproxy.io', kind: 'AIServiceBackend', name: `m${at}` }],
      },
    });
    add('v1', 'Secret', `secret${at}`, { data: { apiKey: Buffer.from(`key-${at}`).toString('base64') } });
  }
  add('v1', 'Secret', 'clients', { data: { one: Buffer.from('one').toString('base64') } });
  for (const at of [0, 1]) {
    add(ENVOY, 'SecurityPolicy', `who${at}`, {
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: `g${at}` }],
        apiKeyAuth: { credentialRefs: [{ group: '', kind: 'Secret', name: 'clients' }], extractFrom: [{ headers: ['x-key'] }] },
      },
    });
    add(ENVOY, 'BackendTrafficPolicy', `how${at}`, {
      spec: {
        targetRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: `g${at + 2}` }],
        timeout: { http: { requestTimeout: '10s' } },
      },
    });
  }
  for (let at = 0; at < ROUTES; at++) {
    const parentRefs = [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: `g${at % GATEWAYS}` }];
    const id = String(at).padStart(6, '0');
    if (at % 2 === 0)
      add(GATEWAY_API, 'HTTPRoute', `r${id}`, {
        spec: {
          parentRefs,
          hostnames: [`h${at % 500}.example.com`],
          rules: [
            { matches: [{ path: { type: 'PathPrefix', value: `/r${at}` } }], backendRefs: [{ name: `s${at % SERVICES}`, port: 80 }] },
          ],
        },
      });
    else
      add(AI, 'AIGatewayRoute', `a${id}`, {
        spec: {
          parentRefs,
          rules: [
            {
              matches: [{ headers: [{ type: 'Exact', name: 'x-ai-eg-model', value: `model-${at}` }] }],
              backendRefs: [{ name: `m${at % SERVICES}` }],
            },
          ],
        },
      });
  }
  return objects;
}

interface Pause {
  /** Longest time in which nothing else had its turn. */
  readonly wallMs: number;
  /** The same in time of this thread: what others do on the machine is not in it. */
  readonly cpuMs: number;
}

/** The longest pauses since the last call. */
function pauses(): () => Pause {
  let wallMs = 0;
  let cpuMs = 0;
  let last = performance.now();
  let lastCpu = threadMs();
  const turn = (): void => {
    const now = performance.now();
    const cpu = threadMs();
    wallMs = Math.max(wallMs, now - last);
    cpuMs = Math.max(cpuMs, cpu - lastCpu);
    last = now;
    lastCpu = cpu;
    setImmediate(turn).unref();
  };
  setImmediate(turn).unref();
  return () => {
    const found = { wallMs, cpuMs };
    wallMs = 0;
    cpuMs = 0;
    return found;
  };
}

function threadMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}

const sleep = (ms: number): Promise<void> =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

const cluster = new Cluster(objectsOf());
const service = new Served({ sources: cluster, adminPort: 0, drainMs: 0, log: () => undefined }, new Metrics('one'), {
  status: {} as never,
});
const longest = pauses();
let began = performance.now();
await service.start();
const startMs = performance.now() - began;
longest();

const statuses = new RouteStatuses();
/** Objects with the statuses that were written to them. */
const current = new WeakMap<KubernetesObject, KubernetesObject>();
const places = new Map<string, GatewayPlace>(
  cluster.objects
    .get('gateway.networking.k8s.io/Gateway')!
    .map(({ metadata }) => [`default/${metadata.name}`, { addresses: [{ type: 'IPAddress', value: '198.18.0.1' }], ports: new Set([80]) }]),
);
/** Works the statuses out, and writes them as the API server would keep them. */
async function reconcile(): Promise<{ ms: number; pause: Pause; written: number }> {
  const lists = new Map([...cluster.objects].map(([key, list]) => [key, list.map((object) => current.get(object) ?? object)]));
  const objects = (kind: GroupKind): readonly KubernetesObject[] => lists.get(kindKey(kind)) ?? [];
  await sleep(1);
  longest();
  const start = performance.now();
  const view = { controllerName: CONTROLLER, loaded: cluster.loaded!, compiled: cluster.compiled!, objects, places, servesPools: false };
  const desired = await inSlices(desiringStatuses(view, new Date(), statuses));
  const ms = performance.now() - start;
  await sleep(1);
  const pause = longest();
  const byName = new Map(desired.map((each) => [`${kindKey(each.kind)} ${each.name}`, each.status]));
  for (const [key, list] of cluster.objects) {
    for (const object of list) {
      const status = byName.get(`${key} ${object.metadata.name}`);
      if (status !== undefined)
        current.set(object, { ...object, status: { ...(current.get(object)?.['status'] as object | undefined), ...status } });
    }
  }
  return { ms, pause, written: desired.length };
}

const first = await reconcile();
const again = await reconcile();

type Edit = (time: number) => void;
const editRoute: Edit = (time) =>
  cluster.change('HTTPRoute', `r${String((ROUTES >> 1) & ~1).padStart(6, '0')}`, (route) => {
    (route as unknown as { spec: { rules: { matches: unknown[] }[] } }).spec.rules[0]!.matches = [
      { path: { type: 'PathPrefix', value: `/x${time}` } },
    ];
    return route;
  });
const ROWS: readonly (readonly [string, Edit])[] = [
  ['one HTTPRoute', editRoute],
  [
    'one AIGatewayRoute',
    (time) =>
      cluster.change('AIGatewayRoute', `a${String((ROUTES >> 1) | 1).padStart(6, '0')}`, (route) => {
        (route as unknown as { spec: { rules: object[] } }).spec.rules[0] = {
          ...(route as unknown as { spec: { rules: object[] } }).spec.rules[0],
          timeouts: { request: `${time + 1}s` },
        };
        return route;
      }),
  ],
  [
    'one Service',
    (time) =>
      cluster.change('Service', 's100', (service_) => ({ ...service_, spec: { clusterIP: `10.1.0.${time + 1}`, ports: [{ port: 80 }] } })),
  ],
  [
    'one BackendTrafficPolicy of a Gateway',
    (time) =>
      cluster.change('BackendTrafficPolicy', 'how1', (policy) => ({
        ...policy,
        spec: { ...(policy['spec'] as object), timeout: { http: { requestTimeout: `${time + 20}s` } } },
      })),
  ],
  [
    'one Secret, of a model backend',
    (time) =>
      cluster.change('Secret', 'secret101', (secret) => ({ ...secret, data: { apiKey: Buffer.from(`key-${time}`).toString('base64') } })),
  ],
  [
    'one Secret, of two Gateways’ clients',
    (time) =>
      cluster.change('Secret', 'clients', (secret) => ({ ...secret, data: { one: Buffer.from(`key-${time}`).toString('base64') } })),
  ],
  [
    'one Gateway of 20',
    (time) =>
      cluster.change('Gateway', 'g3', (gateway) => ({ ...gateway, metadata: { ...gateway.metadata, labels: { time: String(time) } } })),
  ],
  [
    'all Gateways at once (every route is compiled)',
    (time) => {
      for (let at = 0; at < GATEWAYS; at++)
        cluster.change('Gateway', `g${at}`, (gateway) => ({
          ...gateway,
          metadata: { ...gateway.metadata, labels: { time: String(time) } },
        }));
    },
  ],
];

const spread = (times: readonly number[]): string => `${fixed(median(times))} / ${fixed(Math.max(...times))}`;
const told = (all: readonly Pause[]): string => `${spread(all.map(({ cpuMs }) => cpuMs))} (${spread(all.map(({ wallMs }) => wallMs))})`;
const fixed = (value: number | undefined): string => (value ?? 0).toFixed(1);
console.log(
  `${ROUTES} routes: start ${fixed(startMs)} ms; first statuses ${first.written} in ${fixed(first.ms)} ms, longest pause ${told([first.pause])} ms`,
);
console.log(`statuses with nothing to say: ${again.written} in ${fixed(again.ms)} ms, longest pause ${told([again.pause])} ms\n`);
console.log('Pauses: median / longest, in time of this thread (by the clock)\n');
console.log('| change | pause ms | live after ms, p50 / max | statuses: pause ms | done after ms, p50 | heap MiB |');
console.log('|---|--:|--:|--:|--:|--:|');
for (const [name, edit] of ROWS) {
  const pause: Pause[] = [];
  const live: number[] = [];
  const statusPause: Pause[] = [];
  const statusMs: number[] = [];
  for (let time = 0; time <= TIMES; time++) {
    await sleep(50);
    longest();
    const served = new Promise<void>((resolve) => {
      cluster.onServed = resolve;
    });
    began = performance.now();
    edit(time);
    await served;
    const after = performance.now() - began;
    // What follows a change belongs to it: gauges, garbage.
    await sleep(100);
    const paused = longest();
    const said = await reconcile();
    // The first time warms up.
    if (time === 0) continue;
    pause.push(paused);
    live.push(after);
    statusPause.push(said.pause);
    statusMs.push(said.ms);
  }
  const heap = process.memoryUsage().heapUsed / 2 ** 20;
  console.log(`| ${name} | ${told(pause)} | ${spread(live)} | ${told(statusPause)} | ${fixed(median(statusMs))} | ${heap.toFixed(0)} |`);
}
await service.stop();
