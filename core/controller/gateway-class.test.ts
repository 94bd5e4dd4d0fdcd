import { expect, it } from 'vitest';

import { brief, CLASS, messageOf, TestCluster } from './cluster.fixture.ts';
import { supportedFeatures } from './features.ts';

it('accepts the classes that name the controller, and says nothing of others', () => {
  const cluster = new TestCluster(CLASS);
  const desired = cluster.write();
  expect(desired.map(({ kind, namespace, name, resourceVersion }) => [kind.kind, namespace, name, resourceVersion])).toEqual([
    ['GatewayClass', '', 'ours', '7'],
  ]);
  const status = cluster.status('GatewayClass', 'ours');
  expect(brief(status['conditions'])).toEqual(['Accepted=True Accepted']);
  expect(status['conditions']).toMatchObject([{ observedGeneration: 3 }]);
});

it('takes the place of what the CRD says before there is a controller', () => {
  const cluster = new TestCluster(CLASS);
  const pending = {
    type: 'Accepted',
    status: 'Unknown',
    reason: 'Pending',
    message: 'Waiting',
    lastTransitionTime: '1970-01-01T00:00:00Z',
  };
  cluster.edit('GatewayClass', 'ours', (object) => ({ ...object, status: { conditions: [pending] } }));
  expect(cluster.status('GatewayClass', 'ours')['conditions']).toEqual([
    expect.objectContaining({ status: 'True', lastTransitionTime: '2026-01-01T12:00:00Z' }),
  ]);
});

it.each([
  [
    'parameters',
    ', parametersRef: {group: "", kind: ConfigMap, name: c}',
    'InvalidParameters',
    /spec\.parametersRef: the class has no parameters/,
  ],
  ['a field that is not known', ', nonsense: 1', 'Unsupported', /spec\.nonsense/],
])('refuses a class with %s', (_name, field, reason, message) => {
  const status = new TestCluster(CLASS.replace('controllerName: tierkit.dev/test', `controllerName: tierkit.dev/test${field}`)).status(
    'GatewayClass',
    'ours',
  );
  expect(brief(status['conditions'])).toEqual([`Accepted=False ${reason}`]);
  expect(messageOf(status['conditions'], 'Accepted')).toMatch(message);
});

it('lists features in order, and pools only where they are served', () => {
  const status = new TestCluster(CLASS, { servesPools: true }).status('GatewayClass', 'ours');
  const names = (status['supportedFeatures'] as { name: string }[]).map(({ name }) => name);
  expect(names).toEqual([...names].sort());
  expect(names).toEqual(expect.arrayContaining(['Gateway', 'HTTPRoute', 'ReferenceGrant', 'SupportInferencePool']));
  expect(supportedFeatures(false)).not.toContain('SupportInferencePool');
});
