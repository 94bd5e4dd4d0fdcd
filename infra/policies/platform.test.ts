import { describe, expect, it } from 'vitest';

import { FLAVOURS } from '../charts/flavours.fixture.ts';
import { platform } from '../charts/platform.ts';
import { NETWORK_POLICIES, POLICIES, violations, worldOf } from './all.ts';

describe.each(Object.entries(FLAVOURS))('the platform %s', (_, settings) => {
  const parts = platform(settings);
  const isOne = settings.topology === 'one-cluster';
  const policies = { ...POLICIES, ...(settings.networkPolicies.enabled ? NETWORK_POLICIES : {}) };

  it.each(isOne ? (['gateway'] as const) : (['gateway', 'model'] as const))('keeps every rule in the cluster %s', (cluster) => {
    const world = worldOf(parts, cluster, isOne);
    expect(world.manifests.length).toBeGreaterThan(10);
    expect(violations(world, policies)).toEqual([]);
  });
});
