// Two teams in one gateway: neither gets at what the other has.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { KINDS } from '#core/resources/kinds';
import { Loader } from '#core/resources/load';
import { compile, newShared } from '#core/route/compile';
import type { Pools } from '#core/route/scope';

import { startGateway, type TestGateway } from '../../gateway/gateway.fixture.ts';
import { answerJson, type Recorder, startRecorder } from '../../gateway/recorder.fixture.ts';
import { FLAVOURS } from '../charts/flavours.fixture.ts';
import type { Manifest } from '../charts/part.ts';
import { platform } from '../charts/platform.ts';
import { ADS, onboardAll, SEARCH } from './onboarding.fixture.ts';

const settings = FLAVOURS['small']!;
const TOKENS = { prompt_tokens: 1_000_000, completion_tokens: 0, total_tokens: 1_000_000 };
const KEYS = {
  'client-keys': { app: 'key-of-platform' },
  'team-search-keys': { search: 'key-of-search' },
  'team-ads-keys': { ads: 'key-of-ads' },
};
/** Of the set of tier one. Its ConfigMap is a dashboard, with variables of Grafana. */
const KNOWN: ReadonlySet<string> = new Set(KINDS.map(({ kind }) => kind).filter((kind) => kind !== 'ConfigMap'));

/** As in tier two, but for what pools are about: nothing is looked for. */
const POOLS: Pools = {
  alone: false,
  begin: () => undefined,
  serve: () => undefined,
  commit: () => undefined,
  rollback: () => undefined,
  close: () => Promise.resolve(),
};

let upstream: Recorder;
let gateway: TestGateway;

/** Tier two is a server of the test, which asks for no signature. */
function here(manifest: Manifest, port: number): Manifest {
  if (manifest.kind === 'Backend') return { ...manifest, spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] } };
  if (manifest.kind !== 'AIServiceBackend') return manifest;
  const { annotations: _, ...metadata } = manifest.metadata;
  return { ...manifest, metadata };
}

function resources(port: number): string {
  const teams = onboardAll(settings, [{ ...SEARCH, budget: '0.50' }, ADS]);
  const routes = platform(settings).find(({ name }) => name === 'tier-one-routes')!;
  const secrets = Object.entries(KEYS).map(([name, stringData]) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: settings.namespaces.tierOne },
    stringData,
  }));
  const manifests = [...routes.manifests, ...teams.flatMap((each) => each.gateway.manifests)]
    .filter(({ kind }) => KNOWN.has(kind))
    .map((manifest) => here(manifest, port));
  return [...manifests, ...secrets].map((each) => JSON.stringify(each)).join('\n---\n');
}

beforeAll(async () => {
  upstream = await startRecorder(
    answerJson({
      id: 'c',
      object: 'chat.completion',
      model: 'm',
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
      usage: TOKENS,
    }),
  );
});

afterAll(async () => {
  await upstream.close();
});

function ask(model: string, key: string): Promise<Response> {
  return fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model, max_tokens: 10, messages: [{ role: 'user', content: 'hello' }] }),
  });
}

const status = async (model: string, key: string): Promise<number> => (await ask(model, key)).status;

describe('two teams at one tier one', () => {
  // Each test counts from the start.
  beforeEach(async () => {
    gateway = await startGateway({ yaml: resources(upstream.port) });
  });
  afterEach(() => gateway.close());

  it('each key opens the models of its own team, and no others', async () => {
    expect(await status('search-8b', 'key-of-search')).toBe(200);
    expect(await status('ads-8b', 'key-of-ads')).toBe(200);
    expect(await status('search-8b', 'key-of-ads')).toBe(401);
    expect(await status('ads-8b', 'key-of-search')).toBe(401);
    expect(await status('demo-small', 'key-of-search')).toBe(401);
    expect(await status('search-8b', 'key-of-platform')).toBe(401);
    expect(await status('demo-small', 'key-of-platform')).toBe(200);
  });

  it('a limit that one has used up is not that of the other', async () => {
    expect(await status('ads-8b', 'key-of-ads')).toBe(200);
    expect(await status('ads-8b', 'key-of-ads')).toBe(429);
    expect(await status('search-8b', 'key-of-search')).toBe(200);
    expect(await status('search-8b', 'key-of-search')).toBe(200);
    expect(await status('search-8b', 'key-of-search')).toBe(429);
  });

  it('a request that is refused for its key takes nothing of the other team’s limit', async () => {
    for (let count = 0; count < 3; count++) expect(await status('ads-8b', 'key-of-search')).toBe(401);
    expect(await status('ads-8b', 'key-of-ads')).toBe(200);
  });
});

describe('a budget', () => {
  it('that one has used up is not that of the other', async () => {
    const teams = [
      { ...SEARCH, budget: '0.30', 'requests-per-minute': '100' },
      { ...ADS, budget: '100', price: '0.20/0.80', 'requests-per-minute': '100', 'tokens-per-minute': undefined },
    ];
    const [search, ads] = onboardAll(settings, teams);
    const base = resources(upstream.port)
      .split('\n---\n')
      .filter((text) => !text.includes('"tierkit.dev/onboarded"'));
    const own = [...search!.gateway.manifests, ...ads!.gateway.manifests].filter(({ kind }) => KNOWN.has(kind));
    gateway = await startGateway({ yaml: [...base, ...own.map((each) => JSON.stringify(each))].join('\n---\n') });
    try {
      // A million tokens of input are 0.20 USD: a second request like the first would be more than what is left.
      expect(await status('search-8b', 'key-of-search')).toBe(200);
      const refused = await ask('search-8b', 'key-of-search');
      expect(refused.status).toBe(429);
      expect(await refused.json()).toMatchObject({
        error: { code: 'TK_BUDGET', message: expect.stringContaining('Budget tierkit-tier-one/team-search') },
      });
      expect(await status('ads-8b', 'key-of-ads')).toBe(200);
    } finally {
      await gateway.close();
    }
  });
});

it.each(['small', 'small-two-clusters'])('the resources of two teams and of the platform %s refer to what is there', (flavour) => {
  const of = FLAVOURS[flavour]!;
  const parts = [...platform(of), ...onboardAll(of, [SEARCH, ADS]).flatMap(({ model, gateway: one }) => [model, one])];
  for (const cluster of of.topology === 'one-cluster' ? (['gateway'] as const) : (['gateway', 'model'] as const)) {
    const here = parts.filter((part) => of.topology === 'one-cluster' || part.cluster === cluster);
    const secrets = here.flatMap(({ secrets: needs }) =>
      needs.map(({ name, namespace, values }) => ({
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name, namespace },
        stringData: Object.fromEntries(Object.keys(values).map((key) => [key, `${name}-${key}`])),
      })),
    );
    const late = here.flatMap((part) => part.late.map(({ manifest }) => manifest('tier-two.example.com')));
    const objects = [...here.flatMap(({ manifests }) => manifests), ...late].filter(({ kind }) => KNOWN.has(kind) || kind === 'Namespace');
    const text = [...objects, ...secrets].map((each) => JSON.stringify(each)).join('\n---\n');
    const loaded = new Loader().load({ paths: [], env: {}, texts: [{ file: 'cluster.yaml', text }] });
    const problems = [...loaded.problems, ...compile(loaded, newShared(undefined, POOLS)).problems];
    expect(problems.map(({ resource, path, message }) => `${resource} ${path}: ${message}`)).toEqual([]);
  }
});
