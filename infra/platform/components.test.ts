import { expect, test } from 'vitest';

import type { Part } from '../charts/part.ts';
import { componentOf } from './components.ts';

const part = (name: string): Part => ({ name, cluster: 'gateway', needs: [], manifests: [], secrets: [], late: [], awaited: [] });

test.each([
  ['tier-one', 'TierOne', 'tier-one'],
  ['tier-one-routes', 'TierOne', 'tier-one'],
  ['tier-two-gateway', 'TierTwo', 'tier-two'],
  ['controller-models', 'Controller', 'controller'],
  ['redis', 'Redis', 'redis'],
  ['prometheus', 'Observability', 'observability'],
  ['observability-models', 'Observability', 'observability'],
  ['models-team-a', 'ModelNamespace', 'models-team-a'],
  // A namespace of a team may be called as a part is.
  ['models-redis', 'ModelNamespace', 'models-redis'],
])('%s belongs to %s %s', (name, kind, component) => {
  expect(componentOf(part(name))).toEqual({ kind, name: component });
});
