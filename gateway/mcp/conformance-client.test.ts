// The official suite as the server: what it says of a client, it says of the gateway in front of it.
// Scenarios auth/* are left out: a client logs in at the gateway, and the gateway at no server.
import { describe, expect, test } from 'vitest';

import { runClientScenario, type ScenarioServer } from './conformance-client.fixture.ts';
import { LEGACY, MODERN } from './conformance-scripts.fixture.ts';
import { startMcp } from './mcp.fixture.ts';

const OLD = '2025-11-25';
const NEW = '2026-07-28';

type Drive = (server: ScenarioServer) => Promise<void>;

/** With a gateway before the server of the scenario. */
function through(drive: Drive): Drive {
  return async (server) => {
    const { port, pathname } = new URL(server.url);
    const gateway = await startMcp([{ name: 'one', port: Number(port), extra: `, path: ${pathname}` }]);
    try {
      await drive({ ...server, url: `${gateway.url}/mcp` });
    } finally {
      await gateway.close();
    }
  };
}

/** Scenarios, and how many checks the client passes in each. */
const SCENARIOS = {
  [OLD]: {
    initialize: 1,
    tools_call: 2,
    'elicitation-sep1034-client-defaults': 5,
    'sse-retry': 3,
    'json-schema-2020-12-preservation': 9,
  },
  [NEW]: {
    tools_call: 2,
    'json-schema-2020-12-preservation': 9,
    'request-metadata': 6,
    'http-standard-headers': 9,
    'http-custom-headers': 18,
    'http-invalid-tool-headers': 12,
    'sep-2322-client-request-state': 5,
    'json-schema-ref-no-deref': 1,
  },
};
const CASES = [OLD, NEW].flatMap((revision) =>
  Object.entries(SCENARIOS[revision as keyof typeof SCENARIOS]).map(([scenario, passed]) => ({ revision, scenario, passed })),
);

const scriptOf = (revision: string, scenario: string): Drive => (revision === OLD ? LEGACY : MODERN)[scenario]!;
const results = (checks: readonly string[], result: string): number => checks.filter((check) => check.endsWith(`: ${result}`)).length;

test.for(CASES)('$revision $scenario: each check as without the gateway', { timeout: 60_000 }, async ({ revision, scenario, passed }) => {
  const drive = scriptOf(revision, scenario);
  const direct = await runClientScenario({ scenario, revision, drive });
  const via = await runClientScenario({ scenario, revision, drive: through(drive) });
  expect(results(direct, 'SUCCESS')).toBe(passed);
  expect(results(direct, 'FAILURE') + results(direct, 'WARNING')).toBe(0);
  expect(via).toEqual(direct);
});

/** A client of the other era: here the gateway itself is the client that the suite looks at. */
const BRIDGED: readonly { readonly revision: string; readonly scenario: string; readonly failing?: RegExp }[] = [
  { revision: OLD, scenario: 'initialize' },
  { revision: OLD, scenario: 'tools_call' },
  { revision: OLD, scenario: 'elicitation-sep1034-client-defaults' },
  { revision: OLD, scenario: 'sse-retry' },
  { revision: OLD, scenario: 'json-schema-2020-12-preservation' },
  { revision: NEW, scenario: 'tools_call' },
  { revision: NEW, scenario: 'json-schema-2020-12-preservation' },
  // For clients with sessions a server is asked by `initialize` first, which has neither metadata nor headers.
  { revision: NEW, scenario: 'request-metadata', failing: /client-populates-meta|client-sends-client-info|client-sends-version-header/ },
  { revision: NEW, scenario: 'http-standard-headers', failing: /MethodHeader_initialize/ },
  { revision: NEW, scenario: 'http-custom-headers' },
  { revision: NEW, scenario: 'http-invalid-tool-headers' },
  { revision: NEW, scenario: 'sep-2322-client-request-state' },
  { revision: NEW, scenario: 'json-schema-ref-no-deref' },
];

describe('a client of the other era', () => {
  test.for(BRIDGED)('$revision $scenario', { timeout: 60_000 }, async ({ revision, scenario, failing = /^$/ }) => {
    const checks = await runClientScenario({ scenario, revision, drive: through(scriptOf(revision === OLD ? NEW : OLD, scenario)) });
    expect(checks.filter((check) => /: (FAILURE|WARNING)$/.test(check) && !failing.test(check))).toEqual([]);
    expect(results(checks, 'SUCCESS')).toBeGreaterThan(0);
  });
});
