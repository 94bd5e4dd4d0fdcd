import * as k8s from '@pulumi/kubernetes';
import * as pulumi from '@pulumi/pulumi';
import { beforeAll, expect, test } from 'vitest';

import { FLAVOURS } from '../charts/flavours.fixture.ts';
import { SEARCH } from '../onboarding/onboarding.fixture.ts';
import { readRequest } from '../onboarding/read.ts';
import { isSecret, open, type Registered, runProgram } from '../platform/program.fixture.ts';
import { ModelNamespace, teamParts } from './model-namespace.ts';

const settings = FLAVOURS['small-two-clusters']!;
const request = readRequest(SEARCH, settings, []);

let registered: Registered[];
beforeAll(async () => {
  registered = await runProgram(() => {
    const providers = { gateway: new k8s.Provider('gateway-cluster', {}), model: new k8s.Provider('model-cluster', {}) };
    void new ModelNamespace('search', { request, settings, providers, keys: { web: pulumi.secret('sk-of-web') } });
    void new ModelNamespace('other', { request: { ...request, name: 'other' }, settings, providers, keys: {}, sets: ['model'] });
    return Promise.resolve();
  });
});

const objects = (part: string) => registered.filter(({ name }) => name.startsWith(`${part}:`));

test('each set goes to its cluster, as `tierkit onboard` writes it', () => {
  for (const { name, cluster, manifests } of teamParts({ request, settings })) {
    const secrets = cluster === 'gateway' ? 1 : 0;
    expect(objects(name)).toHaveLength(manifests.length + secrets);
    expect(new Set(objects(name).map(({ provider }) => provider.split('::').at(-2)))).toEqual(new Set([`${cluster}-cluster`]));
  }
  expect(objects('models-other')).toHaveLength(objects('models-search').length);
  expect(objects('team-other')).toEqual([]);
});

test('keys are secret, in the one Secret that tier one may read', () => {
  const secret = objects('team-search').find(({ type }) => type === 'kubernetes:core/v1:Secret')!;
  expect(secret.name).toContain('/team-search-keys');
  expect(isSecret(secret.inputs['data'])).toBe(true);
  expect(open(secret.inputs['data'])).toEqual({ web: Buffer.from('sk-of-web').toString('base64') });
  expect(JSON.stringify(registered.filter((each) => each !== secret).map(({ inputs }) => inputs))).not.toContain('sk-of-web');
});

/** URNs of all that is made before. */
function before({ dependencies }: Registered, found = new Set<string>()): ReadonlySet<string> {
  for (const urn of dependencies) {
    if (found.has(urn)) continue;
    found.add(urn);
    before(
      registered.find((each) => each.urn === urn)!,
      found,
    );
  }
  return found;
}

const one = (type: string) => objects('team-search').find((each) => each.type.endsWith(`:${type}`))!;

test('at tier one the route comes behind what guards it, and all of it behind the models', () => {
  expect(before(one('AIGatewayRoute'))).toContain(one('SecurityPolicy').urn);
  expect(before(one('AIGatewayRoute'))).toContain(one('BackendTrafficPolicy').urn);
  for (const { urn } of objects('models-search')) expect(before(one('SecurityPolicy'))).toContain(urn);
});
