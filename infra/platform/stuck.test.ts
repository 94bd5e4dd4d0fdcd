import { describe, expect, it } from 'vitest';

import { stuckIn } from './stuck.ts';
import type { ContainerState } from './trouble.ts';

const set = (name: string, revision: number, more: object = {}) => ({
  metadata: {
    name,
    annotations: { 'deployment.kubernetes.io/revision': String(revision) },
    ownerReferences: [{ kind: 'Deployment', name: 'app' }],
  },
  spec: { replicas: 1 },
  ...more,
});
const pod = (name: string, owner: string, status: object, more: object = {}) => ({
  metadata: { name, ownerReferences: [{ kind: 'ReplicaSet', name: owner }], ...more },
  status,
});
const container = (more: Partial<ContainerState>): ContainerState => ({ name: 'c', image: 'x:1', ready: false, ...more });
const waits = (reason: string, message = '') => ({ state: { waiting: { reason, message } } });
const crashed = (restartCount: number, lastState: object = { terminated: { reason: 'Error', exitCode: 1 } }) => ({
  ...waits('CrashLoopBackOff', 'back-off'),
  restartCount,
  lastState,
});

/** `line`, with `?` before what may heal. */
function found(containers: readonly ContainerState[], more: object = {}): string[] {
  const own = pod('app-1-a', 'app-1', { phase: 'Pending', containerStatuses: containers, ...more });
  return stuckIn('n', 'app', [own], [set('app-1', 1)]).map(({ line, mayHeal }) => `${mayHeal ? '? ' : ''}${line}`);
}

describe('a container', () => {
  it.each<[Partial<ContainerState>, string]>([
    [waits('ErrImagePull', 'not found'), 'pod n/app-1-a: image x:1 cannot be pulled: not found'],
    [waits('ImagePullBackOff', 'Back-off: manifest unknown'), 'pod n/app-1-a: image x:1 cannot be pulled: Back-off: manifest unknown'],
    [waits('InvalidImageName'), 'pod n/app-1-a: image x:1 cannot be pulled: InvalidImageName'],
    [waits('ErrImageNeverPull', 'not present'), 'pod n/app-1-a: image x:1 cannot be pulled: not present'],
    [waits('ErrImagePull', '429 Too Many Requests'), '? pod n/app-1-a: image x:1 cannot be pulled: 429 Too Many Requests'],
    [
      waits('ErrImagePull', 'unexpected status: 503 Service'),
      '? pod n/app-1-a: image x:1 cannot be pulled: unexpected status: 503 Service',
    ],
    [waits('CreateContainerConfigError', 'secret "s" not found'), 'pod n/app-1-a: container c cannot be made: secret "s" not found'],
    [waits('CreateContainerError', 'no command'), 'pod n/app-1-a: container c cannot be started: no command'],
    [waits('RunContainerError', 'no such file'), 'pod n/app-1-a: container c cannot be started: no such file'],
    [
      crashed(1, { terminated: { reason: 'StartError', exitCode: 128, message: 'no such file' } }),
      'pod n/app-1-a: container c cannot be started: no such file',
    ],
    [
      { state: { terminated: { reason: 'StartError', exitCode: 128, message: 'no such file' } } },
      'pod n/app-1-a: container c cannot be started: no such file',
    ],
    [crashed(1), '? pod n/app-1-a: container c ends again and again (restarted 1 times; it ended with Error, exit code 1)'],
    [crashed(4), 'pod n/app-1-a: container c ends again and again (restarted 4 times; it ended with Error, exit code 1)'],
  ])('%j', (state, line) => {
    expect(found([container(state)])).toEqual([line]);
  });

  it.each<Partial<ContainerState>>([
    waits('ContainerCreating'),
    waits('PodInitializing'),
    { state: {}, restartCount: 9 },
    { state: { terminated: { reason: 'Error', exitCode: 1 } }, restartCount: 1 },
  ])('that starts is in no trouble: %j', (state) => {
    expect(found([container(state)])).toEqual([]);
  });

  it('of those that come first counts as well', () => {
    expect(found([container(waits('PodInitializing'))], { initContainerStatuses: [container(waits('ErrImagePull', 'no'))] })).toHaveLength(
      1,
    );
  });

  it('has the same key in every try, and the name of the Secret that it lacks', () => {
    const keys = [waits('ErrImagePull'), waits('ImagePullBackOff')].map((state) => {
      const own = pod('app-1-a', 'app-1', { containerStatuses: [container(state)] });
      return stuckIn('n', 'app', [own], [set('app-1', 1)])[0]!.key;
    });
    expect(new Set(keys).size).toBe(1);
    const lacks = pod('app-1-a', 'app-1', { containerStatuses: [container(waits('CreateContainerConfigError', 'secret "s" not found'))] });
    expect(stuckIn('n', 'app', [lacks], [set('app-1', 1)])[0]!.secret).toBe('s');
  });
});

describe('a Deployment', () => {
  const broken = { containerStatuses: [container(waits('ErrImagePull', 'no'))] };

  it('is judged by its newest pods that stay', () => {
    const sets = [set('app-10', 10), set('app-9', 9)];
    const names = (...pods: Parameters<typeof stuckIn>[2]) => stuckIn('n', 'app', pods, sets).map(({ line }) => line.split(':')[0]);
    expect(names(pod('old', 'app-9', broken), pod('other', 'b-1', broken))).toEqual([]);
    expect(names(pod('goes', 'app-10', broken, { deletionTimestamp: '2026-01-01T00:00:00Z' }))).toEqual([]);
    expect(names(pod('new', 'app-10', broken))).toEqual(['pod n/new']);
    expect(stuckIn('n', 'app', [pod('old', 'app-9', broken)], [set('app-9', 9, { spec: { replicas: 0 } })])).toEqual([]);
    expect(stuckIn('n', 'app', [pod('old', 'app-9', broken)], [])).toEqual([]);
  });

  it('whose pod finds no node may get one', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', message: '0/2 nodes are available' }];
    expect(found([], { conditions })).toEqual(['? pod n/app-1-a: is on no node: 0/2 nodes are available']);
  });

  it.each([
    ['pods "a" is forbidden: exceeded quota: tight, requested: pods=1, used: pods=0, limited: pods=0', false],
    ['pods "a" is forbidden: failed quota: tight: must specify limits.cpu', false],
    ['pods "a" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true', false],
    ['pods "a" is forbidden: maximum memory usage per Container is 64Mi, but limit is 128Mi', false],
    ['pods "a" is forbidden: error looking up service account n/a: serviceaccount "a" not found', true],
    ['Internal error occurred: failed calling webhook "x": connection refused', true],
  ])('that can make no pod: %s', (message, mayHeal) => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message }];
    const [only] = stuckIn('n', 'app', [], [set('app-1', 1, { status: { conditions } })]);
    expect(only).toMatchObject({ line: `deployment n/app: no pod can be made: ${message}`, mayHeal });
  });

  it('waits for the quota of pods that go', () => {
    const conditions = [{ type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: tight' }];
    const goes = pod('goes', 'b-1', {}, { deletionTimestamp: '2026-01-01T00:00:00Z' });
    expect(stuckIn('n', 'app', [goes], [set('app-1', 1, { status: { conditions } })])[0]!.mayHeal).toBe(true);
  });
});
