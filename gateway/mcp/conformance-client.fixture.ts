// For tests: runs a scenario of the official suite for clients, in which the suite is the server.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

import { inResultsFolder, runSuite } from './conformance.fixture.ts';

const RELAY = join(import.meta.dirname, 'conformance-relay.fixture.ts');

/** What a scenario tells its client. */
export interface ScenarioServer {
  readonly url: string;
  readonly context: { readonly toolCalls?: readonly { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }[] };
}

export interface ClientScenario {
  readonly scenario: string;
  /** The revision that the scenario speaks: `2025-11-25`. */
  readonly revision: string;
  /** What the client does. */
  readonly drive: (server: ScenarioServer) => Promise<void>;
}

/**
 * What the suite says of each check, sorted: `tools_call tool-add-numbers ToolAddNumbers: SUCCESS`; but not what it only notes down.
 * @throws what the client throws
 */
export async function runClientScenario({ scenario, revision, drive }: ClientScenario): Promise<readonly string[]> {
  let failure: unknown;
  const http = createServer((request, response) => {
    void (async () => {
      try {
        await drive(JSON.parse(Buffer.concat(await request.toArray()).toString()) as ScenarioServer);
        response.end();
      } catch (error) {
        failure = error;
        response.writeHead(500).end(String(error));
      }
    })();
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const command = `${process.execPath} ${RELAY} http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  try {
    const checks = await inResultsFolder((folder) =>
      runSuite(['client', '--command', command, '--scenario', scenario, '--spec-version', revision, '-o', folder]),
    );
    if (failure !== undefined) throw failure;
    return checks.checks.filter((check) => !check.endsWith(': INFO'));
  } finally {
    await new Promise((resolve) => http.close(resolve));
  }
}
