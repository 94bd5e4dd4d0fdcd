import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';

import { KubernetesClient } from '#core/kubernetes/client';

import { clusterNames, partsIn } from '../charts/clusters.ts';
import type { ClusterName } from '../settings.ts';
import { resourcesUnderWay } from './engine-events.ts';
import { howToMake } from './existing-secrets.ts';
import { kubectlOf } from './kubectl.ts';
import { Patience } from './patience.ts';
import type { Prepared, PreflightOptions } from './preflight.ts';
import { type ReplicaSetObject, type Stuck, stuckIn } from './stuck.ts';
import type { PodObject } from './trouble.ts';

export interface Waiting {
  /** How long a trouble that does not heal may last; 0: as long as Pulumi waits. */
  readonly patienceMs: number;
  /** Between looks. @default 3000 */
  readonly everyMs?: number;
}

/**
 * Runs `pulumi up`, tells at once what keeps pods from getting ready, and interrupts it when that does not heal by waiting: Pulumi itself
 * would wait for minutes, and say nothing.
 * @returns its exit code
 */
export async function upWithPatience(
  { pulumi, say }: PreflightOptions,
  prepared: Prepared,
  args: readonly string[],
  { patienceMs, everyMs = 3000 }: Waiting,
): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), 'tierkit-up-'));
  const eventLog = join(folder, 'events.json');
  const interrupt = new AbortController();
  const end = new AbortController();
  const pods = new WaitedPods(prepared, eventLog, end.signal);
  const patience = new Patience(patienceMs);
  const look = async (): Promise<boolean> => {
    // What cannot be looked at is not judged: a cluster may be away for a moment.
    const stuck = await pods.stuck().catch(() => []);
    if (end.signal.aborted) return false;
    const { news, isOver } = patience.observe(stuck, performance.now());
    // Pulumi may be in the midst of a line of dots.
    for (const { line } of news) say(`\n${line}`);
    return isOver;
  };
  const watching = until(look, everyMs, end.signal).then((isOver) => {
    if (!isOver) return;
    say('\nThis does not heal by waiting: Pulumi is interrupted. (--patience 10m waits longer, --patience 0 as long as Pulumi does.)');
    interrupt.abort();
  });
  try {
    return await pulumi.show(args, { eventLog, interrupt: interrupt.signal });
  } finally {
    end.abort();
    await watching;
    await pods.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** @returns whether it became true before the signal */
async function until(isTrue: () => Promise<boolean>, everyMs: number, signal: AbortSignal): Promise<boolean> {
  while (await hasPassed(everyMs, signal)) if (await isTrue()) return true;
  return false;
}

async function hasPassed(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch {
    return false;
  }
}

/** The pods of the Deployments that Pulumi waits for at this moment. Those of others, or from before, say nothing about this update. */
class WaitedPods {
  readonly #prepared: Prepared;
  readonly #eventLog: string;
  readonly #signal: AbortSignal;
  readonly #clients = new Map<ClusterName, KubernetesClient>();

  /** @param signal ends a look that is under way */
  constructor(prepared: Prepared, eventLog: string, signal: AbortSignal) {
    this.#prepared = prepared;
    this.#eventLog = eventLog;
    this.#signal = signal;
  }

  async stuck(): Promise<Stuck[]> {
    const { settings, parts } = this.#prepared;
    const waited = [...(await resourcesUnderWay(this.#eventLog))].flatMap(deploymentOf);
    const found: Stuck[] = [];
    for (const cluster of clusterNames(settings)) {
      const names = new Set(partsIn(settings, parts, cluster).map(({ name }) => name));
      const here = Map.groupBy(
        waited.filter(({ part }) => names.has(part)),
        ({ namespace }) => namespace,
      );
      for (const [namespace, deployments] of here) {
        const some = deployments.map(({ name }) => name);
        found.push(...(await this.#stuckIn(cluster, namespace, some)));
      }
    }
    return found;
  }

  async #stuckIn(cluster: ClusterName, namespace: string, deployments: readonly string[]): Promise<Stuck[]> {
    const client = this.#clients.get(cluster) ?? (await KubernetesClient.connect(this.#prepared.settings.clusters[cluster]));
    this.#clients.set(cluster, client);
    const list = async <T>(path: string) => (await client.request<{ items: T[] }>('GET', path, { signal: this.#signal })).items;
    const pods = await list<PodObject>(`/api/v1/namespaces/${namespace}/pods`);
    const sets = await list<ReplicaSetObject>(`/apis/apps/v1/namespaces/${namespace}/replicasets`);
    return deployments
      .flatMap((name) => stuckIn(namespace, name, pods, sets))
      .map((each) => ({ ...each, line: each.line + this.#hint(cluster, namespace, each) }));
  }

  /** How to make a Secret that others are to make. */
  #hint(cluster: ClusterName, namespace: string, { secret }: Stuck): string {
    const { settings, parts } = this.#prepared;
    const needs = partsIn(settings, parts, cluster).flatMap(({ secrets }) => secrets);
    const need = needs.find((each) => each.existing === true && each.namespace === namespace && each.name === secret);
    return need === undefined ? '' : `\n    ${howToMake(need, kubectlOf(settings.clusters[cluster]))}`;
  }

  async close(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
  }
}

/** `PART:Deployment/NAMESPACE/NAME`, as resources are called. */
function deploymentOf(resource: string): { readonly part: string; readonly namespace: string; readonly name: string }[] {
  const [, part, namespace, name] = /^([^:]+):Deployment\/([^/]+)\/([^/]+)$/.exec(resource) ?? [];
  return part === undefined ? [] : [{ part, namespace: namespace!, name: name! }];
}
