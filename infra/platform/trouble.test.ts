import { expect, it } from 'vitest';

import { troubleIn } from './trouble.ts';

const pod = (name: string, status: object) => ({ metadata: { name }, status });
const event = (kind: string, name: string, reason: string, message: string, type = 'Warning') => ({
  type,
  reason,
  message,
  involvedObject: { kind, name },
});

const quota = (name: string) => `Error creating: pods "${name}" is forbidden: exceeded quota: tight`;
const waiting = (reason: string, message: string) => [{ name: 'app', image: 'x:1', state: { waiting: { reason, message } } }];

it('tells of each object that makes no pods once, in the words of its last try', () => {
  const events = [
    event('ReplicaSet', 'demo-78', 'FailedCreate', quota('demo-78-a')),
    event('ReplicaSet', 'other-1', 'FailedCreate', 'no such service account'),
    event('ReplicaSet', 'demo-78', 'ScalingReplicaSet', 'of no interest', 'Normal'),
    event('ReplicaSet', 'demo-78', 'FailedCreate', `(combined from similar events): ${quota('demo-78-b')}`),
  ];
  expect(troubleIn('team', [], events)).toEqual([
    `team/demo-78: FailedCreate: ${quota('demo-78-b')}`,
    'team/other-1: FailedCreate: no such service account',
  ]);
});

it('tells why a container does not run, and nothing of pods that start, run or go', () => {
  const pods = [
    pod('stuck', { phase: 'Pending', containerStatuses: waiting('ImagePullBackOff', 'no such image') }),
    pod('starting', { phase: 'Pending', containerStatuses: waiting('ContainerCreating', '') }),
    pod('lost', { phase: 'Pending', conditions: [{ type: 'PodScheduled', status: 'False', message: 'no node fits' }] }),
    { metadata: { name: 'gone', deletionTimestamp: '2026-01-01T00:00:00Z' }, status: { containerStatuses: waiting('Error', 'x') } },
  ];
  const lines = troubleIn('team', pods, [
    event('Pod', 'starting', 'FailedMount', 'no Secret'),
    event('Pod', 'stuck', 'FailedMount', 'once'),
  ]);
  expect(lines).toEqual([
    'team/stuck: container app, image x:1: ImagePullBackOff: no such image',
    'team/lost: is on no node: no node fits',
    'team/starting: FailedMount: no Secret',
  ]);
});
