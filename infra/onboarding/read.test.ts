import { describe, expect, it } from 'vitest';

import { FLAVOURS } from '../charts/flavours.fixture.ts';
import { ADS, requestsOf, SEARCH } from './onboarding.fixture.ts';
import { readRequest, type RequestTexts } from './read.ts';
import { InvalidRequest } from './request.ts';

const settings = FLAVOURS['production']!;
const GOOD: RequestTexts = { name: 'search', model: 'search-8b', owner: 'team-search' };

/** `flag: message` of everything that is wrong. */
function problems(change: RequestTexts, others = requestsOf(settings, [])): string[] {
  try {
    readRequest({ ...GOOD, ...change }, settings, others);
    return [];
  } catch (error) {
    if (error instanceof InvalidRequest) return error.problems.map(({ flag, message }) => `${flag}: ${message}`);
    throw error;
  }
}

describe('a request', () => {
  it('has its defaults: one pod, a GPU where one is needed, weights where the model is called so', () => {
    expect(readRequest(GOOD, settings, [])).toEqual({ ...GOOD, group: 'team-search', runtime: 'simulator', replicas: 1, gpus: 0 });
    expect(readRequest({ ...GOOD, model: 'acme/m', runtime: 'vllm' }, settings, [])).toMatchObject({ source: 'acme/m', gpus: 1 });
    expect(readRequest({ ...GOOD, model: 'acme/m', runtime: 'kserve' }, settings, [])).toMatchObject({ source: 'hf://acme/m', gpus: 1 });
    expect(readRequest({ ...GOOD, budget: '5', price: 'listed' }, settings, [])).not.toHaveProperty('price');
  });

  it('tells all that is wrong at once', () => {
    expect(problems({ name: 'Search Team', owner: undefined, model: undefined, replicas: '0', gpus: 'two', runtime: 'vlm' })).toEqual([
      'NAME: "Search Team" must be lower case letters, digits and "-", 35 at most, as names of Kubernetes are; did you mean "search-team"?',
      '--model: is required: the name by which apps ask for the model',
      '--owner: is required: the team that the model belongs to',
      '--runtime: there is no "vlm"; did you mean "vllm"? (one of simulator, vllm, kserve)',
      '--replicas: must be a whole number from 1 to 1000, not "0"',
      '--gpus: must be a whole number from 0 to 64, not "two"',
    ]);
  });

  it.each<[RequestTexts, string]>([
    [{ name: undefined }, 'NAME: is required: of the namespace that the model gets'],
    [{ model: ' ' }, '--model: is empty'],
    [{ model: 'gpt-*' }, '--model: "gpt-*" has a *, which limits and prices take for any name'],
    [{ contact: 'a\nb' }, '--contact: must be one line of at most 256 characters, not 3'],
    [
      { group: 'system:authenticated' },
      '--group: "system:authenticated" is a group of Kubernetes itself, which many are in: name that of the team',
    ],
    [{ gpus: '1' }, '--gpus: the simulator computes nothing and needs no GPU; leave it out, or say --runtime vllm or kserve'],
    [{ source: 'a/b' }, '--source: the simulator has no weights; leave it out, or say --runtime vllm or kserve'],
    [
      { runtime: 'kserve' },
      '--source: is required, as "search-8b" does not say where the weights are: hf://OWNER/MODEL, pvc://CLAIM/PATH or s3://BUCKET/PATH',
    ],
    [
      { runtime: 'kserve', source: 'acme/m' },
      '--source: "acme/m" is no URI such as hf://OWNER/MODEL or pvc://CLAIM/PATH, which KServe takes; did you mean "hf://acme/m"?',
    ],
    [
      { runtime: 'kserve', source: 'gs://b/m' },
      '--source: "gs://b/m" is no URI such as hf://OWNER/MODEL or pvc://CLAIM/PATH, which KServe takes',
    ],
    [{ budget: '$1,000', price: 'listed' }, '--budget: must be USD in a month, such as 500, not "$1,000"; did you mean "1000"?'],
    [
      { budget: '5' },
      '--price: is required with --budget: without a price every request would be refused; say USD for a million tokens as INPUT/OUTPUT, such as 0.20/0.80, or listed where a PriceTable has it',
    ],
    [{ budget: '5', price: '0.2' }, '--price: must be USD for a million tokens as INPUT/OUTPUT, such as 0.20/0.80, or listed, not "0.2"'],
    [{ 'tokens-per-minute': '-1' }, '--tokens-per-minute: must be a whole number from 1 to 4294967295, not "-1"'],
  ])('with %o is refused', (change, told) => {
    expect(problems(change)).toEqual([told]);
  });
});

describe('what is taken', () => {
  const others = requestsOf(settings, [SEARCH, ADS]);

  it.each<[RequestTexts, string]>([
    [{ name: 'kube-system', model: 'free' }, 'NAME: kube-system is a namespace of Kubernetes itself; choose another name'],
    [{ name: 'tierkit-redis', model: 'free' }, 'NAME: tierkit-redis is namespaces.redis of the platform; choose another name'],
    [{ name: 'team-a', model: 'free' }, 'NAME: team-a is a namespace of models in the settings of the platform; choose another name'],
    [{ name: 'search', owner: 'team-ads', model: 'x' }, 'NAME: search is taken by team-search (search@example.com); choose another name'],
    [
      { name: 'more', model: 'ads-8b' },
      '--model: "ads-8b" is served by ads of team-ads already: requests go by the name of the model alone; choose another one',
    ],
    [
      { name: 'more', model: 'qwen-4' },
      '--model: "qwen-4" is served by team-b/qwen already: requests go by the name of the model alone; choose another one',
    ],
    [
      { name: 'more', model: 'gpt-5' },
      '--model: "gpt-5" is served by the provider openai already: requests go by the name of the model alone; choose another one',
    ],
  ])('%o is refused', (change, told) => {
    expect(problems(change, others)).toEqual([told]);
  });

  it('is not, for the team that has it: it may ask again, for another model too', () => {
    expect(problems({ replicas: '5' }, others)).toEqual([]);
    expect(problems({ model: 'search-9b' }, others)).toEqual([]);
  });
});
