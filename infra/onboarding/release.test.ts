import { loadAll } from 'js-yaml';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from '../../tier2-gateway/tier-two.fixture.ts';
import { FLAVOURS } from '../charts/flavours.fixture.ts';
import type { Manifest } from '../charts/part.ts';
import { yaml } from '../charts/render.ts';
import { at, listAt } from '../policies/policy.ts';
import { onboard } from './onboard.ts';
import { KSERVE, requestsOf, SEARCH, VLLM } from './onboarding.fixture.ts';
import { readRequest } from './read.ts';
import { released, type ReleaseTexts } from './release.ts';
import { InvalidRequest, type OnboardingRequest } from './request.ts';

const settings = FLAVOURS['production']!;
const [search, maps, voice] = requestsOf(settings, [SEARCH, VLLM, KSERVE]) as [OnboardingRequest, OnboardingRequest, OnboardingRequest];

/** Steps as they are written: `start v2`, `weight 10`. */
function after(request: OnboardingRequest, ...steps: (string | ReleaseTexts)[]): OnboardingRequest {
  return steps.reduce<OnboardingRequest>((now, step) => {
    if (typeof step !== 'string') return released(now, step);
    const [verb, argument] = step.split(' ');
    return released(now, { step: verb, argument });
  }, request);
}

const manifestsOf = (request: OnboardingRequest): readonly Manifest[] => onboard(request, settings).model.manifests;
const namesOf = (request: OnboardingRequest, kind: string): string[] =>
  manifestsOf(request)
    .filter((manifest) => manifest.kind === kind)
    .map(({ metadata }) => metadata.name)
    .sort();
const one = (request: OnboardingRequest, kind: string, name: string): Manifest =>
  manifestsOf(request).find((manifest) => manifest.kind === kind && manifest.metadata.name === name)!;

const objectivePool = (request: OnboardingRequest) => at(one(request, 'InferenceObjective', 'batch'), 'spec', 'poolRef', 'name');

describe('the steps of a release', () => {
  it('end with one version, and the request says which', () => {
    const start = { step: 'start', argument: 'v2', source: 'acme/maps-70b-2', image: 'registry.example.com/vllm:2', replicas: '3' };
    const running = after(maps, start, 'weight 10', 'weight 35%');
    expect(running.release).toMatchObject({ version: 'v2', weight: 35 });
    expect(running.source).toBe('acme/maps-70b');
    expect(after(running, 'promote', 'finish')).toEqual({
      ...maps,
      version: 'v2',
      source: 'acme/maps-70b-2',
      image: 'registry.example.com/vllm:2',
      replicas: 3,
    });
    expect(after(running, 'rollback', 'finish')).toEqual(maps);
    expect(after(running, 'promote', 'rollback', 'weight 100', 'finish').version).toBe('v2');
  });

  it.each<[OnboardingRequest, (string | ReleaseTexts)[], string]>([
    [search, ['go'], 'STEP: there is no "go" (one of start, weight, promote, rollback, finish)'],
    [search, ['wieght 10'], 'STEP: there is no "wieght"; did you mean "weight"?'],
    [search, ['promote'], 'NAME: search has no release: tierkit release search start VERSION'],
    [search, ['start'], 'VERSION: is required'],
    [search, ['start V2'], 'VERSION: "V2" must be lower case letters, digits and "-", 10 at most'],
    [search, ['start v2', 'start v3'], 'start: search has release v2 with 0 % already'],
    [search, ['start v2', 'promote', 'finish', 'start v2'], 'VERSION: "v2" is what runs already'],
    [search, ['start v2', 'weight'], 'PERCENT: is required'],
    [search, ['start v2', 'weight 101'], 'PERCENT: must be a whole number from 0 to 100, not "101"'],
    [search, ['start v2', 'weight -1'], 'PERCENT: must be a whole number from 0 to 100, not "-1"'],
    [search, ['start v2', 'promote v2'], 'promote: takes no "v2"'],
    [search, ['start v2', 'weight 10', 'finish'], 'finish: both versions have requests (v2 has 10 %)'],
    [search, [{ step: 'start', argument: 'v2', source: 'a/b' }], '--source: the simulator has no weights'],
    [voice, [{ step: 'start', argument: 'v2', source: 'a/b' }], '--source: "a/b" is no URI such as hf://OWNER/MODEL'],
    [maps, [{ step: 'start', argument: 'v2', replicas: '0' }], '--replicas: must be a whole number from 1 to 1000'],
    [maps, [{ step: 'start', argument: 'v2', image: 'no image' }], '--image: "no image" is no image'],
    [maps, ['start v2', { step: 'promote', replicas: '2' }], '--replicas: is for start'],
  ])('%#: %j', (request, steps, message) => {
    expect(() => after(request, ...steps)).toThrow(InvalidRequest);
    expect(() => after(request, ...steps)).toThrow(message);
  });
});

describe('what a release is made of', () => {
  it('is nothing at tier one, in any of its steps', () => {
    const before = onboard(search, settings).gateway;
    for (const steps of [['start v2'], ['start v2', 'weight 40'], ['start v2', 'promote'], ['start v2', 'promote', 'finish']])
      expect(JSON.stringify(onboard(after(search, ...steps), settings).gateway)).toBe(JSON.stringify(before));
  });

  it.each([search, maps, voice])('touches no pod of a version while the other comes or goes: %#', (request) => {
    const kind = request.runtime === 'kserve' ? 'LLMInferenceService' : 'Deployment';
    const pods = (of: OnboardingRequest, name: string) => JSON.stringify([one(of, kind, name), one(of, 'InferencePool', name)]);
    const { name } = request;
    const both = after(request, 'start v2');
    const done = after(both, 'promote', 'finish');
    expect(namesOf(both, kind)).toEqual([name, `${name}-v2`]);
    expect(pods(both, name)).toBe(pods(request, name));
    expect(namesOf(done, kind)).toEqual([`${name}-v2`]);
    expect(pods(done, `${name}-v2`)).toBe(pods(both, `${name}-v2`));
    expect(namesOf(after(done, 'start v3', 'promote', 'finish'), kind)).toEqual([`${name}-v3`]);
  });

  it('has its own weights, image and pods; both have room in the quota', () => {
    const both = after(maps, { step: 'start', argument: 'v2', source: 'acme/maps-2', image: 'registry.example.com/vllm:2', replicas: '3' });
    const container = (name: string) => listAt(at(one(both, 'Deployment', name), 'spec', 'template', 'spec'), 'containers')[0]!;
    expect(container('maps-v2')).toMatchObject({ image: 'registry.example.com/vllm:2' });
    expect(listAt(container('maps-v2'), 'args')).toEqual(
      expect.arrayContaining(['--model=acme/maps-2', '--served-model-name=acme/maps-70b']),
    );
    expect(listAt(container('maps'), 'args')).toContain('--model=acme/maps-70b');
    expect(at(one(both, 'ResourceQuota', 'maps'), 'spec', 'hard')).toMatchObject({ pods: '9', 'requests.nvidia.com/gpu': '20' });
  });

  it('has the objectives where most requests go', () => {
    expect(objectivePool(after(search, 'start v2', 'weight 50'))).toBe('search');
    expect(objectivePool(after(search, 'start v2', 'weight 51'))).toBe('search-v2');
    expect(objectivePool(after(search, 'start v2', 'promote', 'finish'))).toBe('search-v2');
  });

  it('outlives a request that is made anew, whose weights are those of the version', () => {
    const done = after(maps, { step: 'start', argument: 'v2', source: 'acme/maps-2' }, 'promote', 'finish', 'start v3');
    const again = readRequest({ ...VLLM, replicas: '4' }, settings, [done]);
    expect(again).toEqual({ ...done, replicas: 4 });
    expect(() => readRequest({ ...VLLM, source: 'acme/maps-9' }, settings, [done])).toThrow(
      '--source: maps runs version v2 with acme/maps-2; other weights are another version: tierkit release maps start VERSION --source acme/maps-9',
    );
    expect(() => readRequest({ ...VLLM, runtime: 'simulator', gpus: '0' }, settings, [done])).toThrow(
      '--runtime: release v3 is one of vllm',
    );
  });
});

describe('the routes at tier two', () => {
  let first: TestPod;
  let second: TestPod;
  let tier: TestTierTwo | undefined;

  beforeEach(async () => {
    [first, second] = [await startPod(), await startPod()];
  });
  afterEach(async () => {
    await tier?.close();
    tier = undefined;
    await Promise.all([first.close(), second.close()]);
  });

  /** The routes as they are applied, at the test's Gateway and pods; it may be that one of them is gone. */
  async function serve(request: OnboardingRequest, without: readonly string[] = []): Promise<TestTierTwo> {
    const routes = manifestsOf(request).filter(
      ({ kind }) => kind === 'AIGatewayRoute' || (kind === 'HTTPRoute' && !without.includes(kind)),
    );
    const here = routes.map(({ metadata, ...manifest }) =>
      yaml({
        ...manifest,
        metadata: { name: metadata.name },
        spec: { ...(manifest['spec'] as object), parentRefs: [{ name: 'gw' }] },
      }),
    );
    tier = await startTierTwo([poolYaml('search', [first]), poolYaml('search-v2', [second]), ...here]);
    return tier;
  }

  const ask = async (two: TestTierTwo, times: number, headers?: Record<string, string>): Promise<[number, number]> => {
    const before = [first.seen.length, second.seen.length] as const;
    for (let count = 0; count < times; count++) expect((await two.chat({ model: 'search-8b' }, headers)).status).toBe(200);
    return [first.seen.length - before[0], second.seen.length - before[1]];
  };

  it('share requests out by weight, and a version can be asked for by its name', async () => {
    const two = await serve(after(search, 'start v2', 'weight 30'));
    const [old, next] = await ask(two, 200);
    expect(old + next).toBe(200);
    expect(next).toBeGreaterThan(30);
    expect(next).toBeLessThan(90);
    expect(await ask(two, 5, { 'x-tierkit-version': 'v2' })).toEqual([0, 5]);
  });

  it('begin without requests, which the name alone leads to the new pods', async () => {
    const two = await serve(after(search, 'start v2'));
    expect(await ask(two, 20)).toEqual([20, 0]);
    expect(await ask(two, 2, { 'x-tierkit-version': 'v2' })).toEqual([0, 2]);
  });

  it('lead all to the new one after promotion, and back without the route of the release', async () => {
    const promoted = after(search, 'start v2', 'promote');
    expect(await ask(await serve(promoted), 20)).toEqual([0, 20]);
    await tier!.close();
    expect(await ask(await serve(promoted, ['HTTPRoute']), 20)).toEqual([20, 0]);
    await tier!.close();
    expect(await ask(await serve(after(promoted, 'finish')), 20)).toEqual([0, 20]);
  });

  it('are told apart by names that no other object has', () => {
    const texts = manifestsOf(after(search, 'start v2')).map(yaml).join('---\n');
    const paths = (loadAll(texts) as Manifest[]).map(({ kind, metadata }) => `${kind} ${metadata.name}`);
    expect(paths.filter((path, index) => paths.indexOf(path) !== index)).toEqual([]);
  });
});
