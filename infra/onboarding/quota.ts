import { amountOf } from '../charts/quantity.ts';
import type { Model } from '../settings.ts';
import type { Manifest } from '../charts/part.ts';

/** What a container gets that says nothing: an init container of KServe, a debug container. */
const UNSAID = { cpu: '100m', memory: '256Mi' } as const;
const MEBIBYTE = 2 ** 20;
const GPU = 'nvidia.com/gpu';
/** The picker of a pool, and what KServe starts beside its pods. */
const PODS_BESIDE = 4;

/**
 * What a team may take of its cluster: the pods of its versions, one more of them while they are rolled, and a few small ones. No Service of
 * it is reached from outside, as that would be a way around tier one.
 * @param versions of one model, whose pods are of one size
 */
export function quotaManifests(namespace: string, versions: readonly Model[]): Manifest[] {
  const [{ resources, gpus }] = versions as readonly [Model];
  const pods = versions.reduce((sum, { replicas }) => sum + replicas, 1);
  const cpu = amountOf(resources.cpu) * pods + amountOf(UNSAID.cpu) * PODS_BESIDE;
  const memory = amountOf(resources.memory) * pods + amountOf(UNSAID.memory) * PODS_BESIDE;
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
          [`requests.${GPU}`]: String(gpus * pods),
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
            max: { memory: larger(resources.memory, UNSAID.memory), [GPU]: String(gpus) },
          },
        ],
      },
    },
  ];
}

function larger(one: string, other: string): string {
  return amountOf(one) >= amountOf(other) ? one : other;
}
