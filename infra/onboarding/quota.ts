import { nodesOf } from '../../kserve/charts/parallelism.ts';
import { amountOf } from '../charts/quantity.ts';
import type { KServePods, KServePrefill, Model } from '../settings.ts';
import type { Manifest } from '../charts/part.ts';

/** What a container gets that says nothing: an init container of KServe, a debug container. */
const UNSAID = { cpu: '100m', memory: '256Mi' } as const;
const MEBIBYTE = 2 ** 20;
const GPU = 'nvidia.com/gpu';
/** The picker of a pool, and what KServe starts beside its pods. */
const PODS_BESIDE = 4;

/**
 * What a team may take of its cluster: the pods of its versions, one replica more while they are rolled, and a few small ones. No Service of
 * it is reached from outside, as that would be a way around tier one.
 * @param versions of one model, whose pods are of one size
 */
export function quotaManifests(namespace: string, versions: readonly Model[]): Manifest[] {
  const own = podsOf(versions);
  const total = (of: (pods: KServePods) => number) => own.reduce((sum, each) => sum + of(each) * each.pods, 0);
  const pods = total(() => 1);
  const cpu = total(({ resources }) => amountOf(resources.cpu)) + amountOf(UNSAID.cpu) * PODS_BESIDE;
  const memory = total(({ resources }) => amountOf(resources.memory)) + amountOf(UNSAID.memory) * PODS_BESIDE;
  const memoryText = `${Math.ceil(memory / MEBIBYTE)}Mi`;
  return [
    {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: namespace, namespace },
      spec: {
        hard: {
          pods: String(pods + PODS_BESIDE),
          'requests.cpu': `${Math.ceil(Math.round(cpu * 1e6) / 1e3)}m`,
          'requests.memory': memoryText,
          'limits.memory': memoryText,
          [`requests.${GPU}`]: String(total(({ gpus }) => gpus)),
          'services.loadbalancers': '0',
          'services.nodeports': '0',
        },
      },
    },
    {
      apiVersion: 'v1',
      kind: 'LimitRange',
      metadata: { name: namespace, namespace },
      spec: {
        limits: [
          {
            type: 'Container',
            // Without a default of its own, the most of a resource is what everyone gets who does not ask: so many GPUs for each container.
            default: { memory: UNSAID.memory, [GPU]: '0' },
            defaultRequest: { ...UNSAID, [GPU]: '0' },
            max: {
              memory: own.map(({ resources }) => resources.memory).reduce(larger, UNSAID.memory),
              [GPU]: String(Math.max(...own.map(({ gpus }) => gpus))),
            },
          },
        ],
      },
    },
  ];
}

/** Pods of one size, as many as there may be of them. */
interface PodsOfSize extends KServePods {
  readonly pods: number;
}

/** The most that versions of one model can need: scaled to the top, all nodes of each replica, prefill beside decode. */
function podsOf(versions: readonly Model[]): PodsOfSize[] {
  const [model] = versions as readonly [Model];
  const own = versions.reduce((sum, each) => sum + mostReplicas({ ...each, ...each.kserve }), 0);
  const prefill = model.kserve?.prefill;
  return [
    ...nodesOfReplicas({ ...model, parallelism: {}, ...model.kserve }, own + 1),
    ...(prefill === undefined ? [] : nodesOfReplicas(prefill, mostReplicas(prefill) * versions.length + 1)),
  ];
}

function mostReplicas({ replicas, scaling }: Pick<KServePrefill, 'replicas' | 'scaling'>): number {
  return scaling?.max ?? replicas;
}

function nodesOfReplicas(
  { resources, gpus, parallelism, workers }: Pick<KServePrefill, keyof KServePods | 'parallelism' | 'workers'>,
  replicas: number,
): PodsOfSize[] {
  const others = nodesOf(parallelism) - 1;
  return [{ resources, gpus, pods: replicas }, ...(workers === undefined || others === 0 ? [] : [{ ...workers, pods: replicas * others }])];
}

function larger(one: string, other: string): string {
  return amountOf(one) >= amountOf(other) ? one : other;
}
