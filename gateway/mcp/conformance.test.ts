// What the official suite says of a server it says of the gateway in front of it.
import { describe, expect, test } from 'vitest';

import { runConformance } from './conformance.fixture.ts';
import { startMcp } from './mcp.fixture.ts';
import { startUnprefixed } from './unprefixed.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

// A merged list is JSON: the check of streams of lists has nothing to check.
const ERAS = [
  { requirements: '2025-11-25', start: startEverything, passed: 84, merged: 83 },
  { requirements: '2026-07-28', start: startModernEverything, passed: 164, merged: 164 },
] as const;

/** Tasks are an extension that no server of these has. */
const isFine = (check: string): boolean => check.startsWith('tasks-') || /: (SUCCESS|INFO|SKIPPED)$/.test(check);

describe.for(ERAS)('$requirements', ({ requirements, start, passed, merged }) => {
  test('the gateway passes what its server passes, check by check', { timeout: 60_000 }, async () => {
    const server = await start({ name: 'one' });
    const gateway = await startMcp([{ name: 'one', port: server.port }]);
    const direct = await runConformance(server.url, requirements);
    const through = await runConformance(`${gateway.url}/mcp`, requirements);
    await gateway.close();
    await server.close();
    expect(direct.passed).toBe(passed);
    expect(through.checks).toEqual(direct.checks);
    expect(through.passed).toBe(passed);
  });

  test('and so does a route with another server beside it', { timeout: 60_000 }, async () => {
    const [one, two] = await Promise.all([start({ name: 'one' }), start({ name: 'two' })]);
    const gateway = await startMcp([
      { name: 'one', port: one.port },
      { name: 'two', port: two.port },
    ]);
    const shim = await startUnprefixed(`${gateway.url}/mcp`, 'one');
    const through = await runConformance(shim.url, requirements);
    for (const each of [shim, gateway, one, two]) await each.close();
    expect(through.checks.filter((check) => !isFine(check))).toEqual([]);
    expect(through.passed).toBe(merged);
  });
});

test('2025-11-25 at a server of 2026-07-28 alone: the gateway is the bridge', { timeout: 60_000 }, async () => {
  const server = await startModernEverything({ name: 'one' });
  const gateway = await startMcp([{ name: 'one', port: server.port }]);
  const { checks, passed } = await runConformance(`${gateway.url}/mcp`, '2025-11-25');
  await gateway.close();
  await server.close();
  expect(checks.filter((check) => check.endsWith(': FAILURE'))).toEqual([]);
  expect(passed).toBe(80);
});
