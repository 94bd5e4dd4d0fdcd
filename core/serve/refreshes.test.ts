import { setImmediate as turn } from 'node:timers/promises';

import { beforeEach, expect, it } from 'vitest';

import { type Fetch, type Source } from '../providers/credentials/refreshed.ts';
import { SharedCredentials } from '../providers/credentials/shared-credentials.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { showCredentials } from './refreshes.ts';

const ENDS = 4_000_000_000;
const sourceOf = (policy: string, secret = 's', type = 'GCPCredentials'): Source => ({
  name: `BackendSecurityPolicy ${policy}`,
  policy,
  type,
  identity: [type],
  secrets: [secret],
});
const good: Fetch<string> = async () => ({ value: 'canary', expiresAt: ENDS * 1000 });
const endless: Fetch<string> = async () => ({ value: 'canary', expiresAt: undefined });
const bad: Fetch<string> = () => Promise.reject(new Error('canary'));
const never: Fetch<string> = () => new Promise(() => undefined);

let credentials: SharedCredentials;
let metrics: Metrics;
beforeEach(() => {
  credentials = new SharedCredentials();
  metrics = new Metrics('one');
});

/** A configuration with these credentials, in service. */
async function serve(...wanted: (readonly [Source, Fetch<string>])[]): Promise<void> {
  credentials.kept.begin();
  for (const [source, fetch] of wanted) credentials.refreshed(source, fetch);
  credentials.kept.commit();
  credentials.start();
  await turn();
}

function shown(): Record<string, number> {
  const { families } = metrics;
  showCredentials(credentials.measures(), families);
  const series = [...families.credentialEndsAt.series(), ...families.credentialFetches.series()];
  return Object.fromEntries(series.map(({ labels, value }) => [labels.join(' '), value]));
}

it('shows of each policy when its credential ends, and how often it was fetched', async () => {
  await serve(
    [sourceOf('a/good'), good],
    [sourceOf('a/bad', 's', 'AWSCredentials'), bad],
    [sourceOf('a/endless'), endless],
    [sourceOf('a/new'), never],
  );
  expect(shown()).toEqual({
    'a/good GCPCredentials': ENDS,
    'a/good GCPCredentials ok': 1,
    'a/good GCPCredentials failed': 0,
    'a/bad AWSCredentials': 0,
    'a/bad AWSCredentials ok': 0,
    'a/bad AWSCredentials failed': 1,
    'a/endless GCPCredentials ok': 1,
    'a/endless GCPCredentials failed': 0,
    'a/new GCPCredentials': 0,
    'a/new GCPCredentials ok': 0,
    'a/new GCPCredentials failed': 0,
  });
  expect(JSON.stringify(shown())).not.toContain('canary');
  credentials.close();
});

it('counts on where a new secret has it fetched anew, by which the last value is still used', async () => {
  await serve([sourceOf('a/p', 'one'), good]);
  await serve([sourceOf('a/p', 'two'), bad]);
  expect(shown()).toEqual({ 'a/p GCPCredentials': ENDS, 'a/p GCPCredentials ok': 1, 'a/p GCPCredentials failed': 1 });
  credentials.close();
});

it('shows nothing of a configuration that is not in service, nor of one that was', async () => {
  await serve([sourceOf('a/old'), good]);
  credentials.kept.begin();
  credentials.refreshed(sourceOf('a/refused'), good);
  expect(Object.keys(shown())).toEqual(['a/old GCPCredentials', 'a/old GCPCredentials ok', 'a/old GCPCredentials failed']);
  credentials.kept.rollback();
  await serve([sourceOf('a/old', 's', 'AzureCredentials'), good]);
  expect(Object.keys(shown())).toEqual(['a/old AzureCredentials', 'a/old AzureCredentials ok', 'a/old AzureCredentials failed']);
  await serve();
  expect(shown()).toEqual({});
});

it('does not count what was given up', async () => {
  await serve([sourceOf('a/p', 'one'), never]);
  await serve([sourceOf('a/p', 'two'), good]);
  await turn();
  expect(shown()).toEqual({ 'a/p GCPCredentials': ENDS, 'a/p GCPCredentials ok': 1, 'a/p GCPCredentials failed': 0 });
  credentials.close();
});
