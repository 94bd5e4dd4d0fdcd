// What the official suite says of a server it says of the gateway in front of it.
import { describe, expect, test } from 'vitest';

import { runConformance } from './conformance.fixture.ts';
import { startMcp } from './mcp.fixture.ts';
import { startEverything } from './upstream/everything.fixture.ts';
import { startModernEverything } from './upstream/modern-everything.fixture.ts';

const ERAS = [
  { requirements: '2025-11-25', start: startEverything, passed: 84 },
  { requirements: '2026-07-28', start: startModernEverything, passed: 164 },
] as const;

describe.for(ERAS)('$requirements', ({ requirements, start, passed }) => {
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
