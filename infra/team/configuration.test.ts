import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { FLAVOURS } from '../charts/flavours.fixture.ts';
import { SEARCH } from '../onboarding/onboarding.fixture.ts';
import { readRequest } from '../onboarding/read.ts';
import type { OnboardingRequest } from '../onboarding/request.ts';
import { setsOf, teamOf } from './configuration.ts';
import { settingsOf } from './platform.ts';

const settings = FLAVOURS['small-two-clusters']!;
const KEY = 'a-key-of-sixteen-letters';
const REQUEST = { name: 'search', model: 'search-8b', owner: 'team-search' };

type Values = Readonly<Record<string, unknown>>;
const readOf = (values: Values) => (key: string) => {
  const value = values[key];
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tierkit-team-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const team = (values: Values, present: readonly OnboardingRequest[] = []) => {
  const read = readOf({ request: REQUEST, keys: { app: KEY }, ...values });
  return teamOf(read, { folder, settings, sets: setsOf(read), present });
};

describe('the configuration of a team’s stack', () => {
  it('asks for what `tierkit onboard` would, from an object or from a file', () => {
    const wanted = readRequest({ ...REQUEST, replicas: '2' }, settings, []);
    expect(team({ request: { ...REQUEST, replicas: 2 } })).toEqual({ request: wanted, keys: { app: KEY } });
    writeFileSync(join(folder, 'request.yaml'), 'name: search\nmodel: search-8b\nowner: team-search\nreplicas: 2\n');
    expect(team({ request: {}, requestFile: 'request.yaml' }).request).toEqual(wanted);
  });

  it('says what the version and the release are, whatever the cluster has now', () => {
    const there = { ...readRequest(REQUEST, settings, []), version: 'v1' };
    const { request } = team({ version: 'v2', release: { version: 'v3', weight: 25, replicas: 3 } }, [there]);
    expect(request).toMatchObject({ version: 'v2', release: { version: 'v3', weight: 25, replicas: 3 } });
    expect(team({}, [there]).request).not.toHaveProperty('version');
  });

  it('needs no key where another stack makes the set of tier one', () => {
    expect(team({ sets: 'model', keys: {} }).keys).toEqual({});
    expect(setsOf(readOf({ sets: 'model' }))).toEqual(['model']);
    expect(setsOf(readOf({}))).toEqual(['model', 'gateway']);
  });

  it.each<[Values, string]>([
    [{ request: {} }, 'request: there is none: pulumi config set requestFile FILE'],
    [{ requestFile: 'request.yaml' }, 'requestFile: is set, and request as well'],
    [{ request: { ...REQUEST, replica: 2 } }, 'request: there is no field "replica"; did you mean "replicas"?'],
    [{ request: 'search' }, 'request: has to be an object'],
    [{ keys: {} }, 'keys: no app has a key'],
    [{ keys: { app: 'short' } }, 'keys.app: must be a text of 16 characters or more'],
    [{ keys: { 'an app': KEY } }, 'keys: "an app" must be letters'],
    [{ sets: 'models' }, 'sets: there is no "models"; did you mean "model"?'],
    [{ release: { weight: 10 } }, 'VERSION: is required'],
    [{ release: { version: 'v2', wieght: 10 } }, 'release: there is no field "wieght"; did you mean "weight"?'],
    [{ release: { version: 'v2', weight: 110 } }, 'PERCENT: must be a whole number from 0 to 100'],
    [{ version: 'v2', release: { version: 'v2' } }, 'VERSION: "v2" is what runs already'],
  ])('%#: %j', (values, message) => {
    expect(() => team(values)).toThrow(message);
  });

  it('never says what a key is', () => {
    expect(() => team({ keys: { app: 'sk-short' } })).toThrow(
      expect.not.objectContaining({ message: expect.stringContaining('sk-short') }),
    );
    expect(() => team({ keys: `{"app": "${KEY}"` })).toThrow(expect.not.objectContaining({ message: expect.stringContaining(KEY) }));
  });

  it('refuses the name and the model of another team that the cluster has', () => {
    const other = readRequest({ ...SEARCH, owner: 'team-ads' }, settings, []);
    expect(() => team({}, [other])).toThrow('NAME: search is taken by team-ads (search@example.com)');
    expect(() => team({}, [{ ...other, name: 'ads' }])).toThrow('--model: "search-8b" is served by ads of team-ads already');
  });
});

describe('the platform', () => {
  const output = { image: { name: 'registry.example.com/tierkit', tag: '1' }, clusters: { gateway: { context: 'theirs' } } };

  it('is as its stack says, in the clusters as this machine calls them', () => {
    expect(settingsOf('a/b/c', output, readOf({}), '/x').clusters).toEqual({
      gateway: { context: 'theirs' },
      model: { context: 'theirs' },
    });
    const here = readOf({ gatewayContext: 'mine', gatewayKubeconfig: 'k.yaml' });
    expect(settingsOf('a/b/c', output, here, '/x').clusters.model).toEqual({ context: 'mine', kubeconfig: '/x/k.yaml' });
    const two = { ...output, topology: 'two-clusters', clusters: { gateway: { context: 'theirs' }, model: { context: 'models' } } };
    expect(settingsOf('a/b/c', two, here, '/x').clusters.model).toEqual({ context: 'models' });
  });

  it('is none without settings, and is told where they are those of another version', () => {
    expect(() => settingsOf('a/b/c', undefined, readOf({}), '/')).toThrow('platform: stack a/b/c has no output "settings"');
    expect(() => settingsOf('a/b/c', { ...output, tierThree: {} }, readOf({}), '/')).toThrow('tierThree');
  });
});
