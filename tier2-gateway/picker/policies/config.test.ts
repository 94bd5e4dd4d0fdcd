import { expect, test } from 'vitest';

import { Clock, endpoint, endpoints, metrics, prompt, request, seeded } from '../pool.fixture.ts';
import { EndpointPickerConfigError, endpointPickerPolicy, parseEndpointPickerConfig, SUPPORTED_PLUGINS } from './config.ts';

const head = { apiVersion: 'llm-d.ai/v1alpha1', kind: 'EndpointPickerConfig' };

function problemsOf(document: unknown): readonly string[] {
  try {
    parseEndpointPickerConfig(document);
  } catch (error) {
    if (error instanceof EndpointPickerConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('a document of the reference is read to the letter', () => {
  const { profile, notes } = parseEndpointPickerConfig({
    ...head,
    featureGates: ['flowControl'],
    plugins: [
      { type: 'single-profile-handler' },
      {
        type: 'prefix-cache-affinity-filter',
        parameters: { affinityThreshold: 0.9, maxTTFTPenaltyMs: 14_000, peakPrefillThroughput: 20_480 },
      },
      { type: 'queue-scorer', name: 'q' },
      { type: 'prefix-cache-scorer', parameters: { matchLengthWeight: 0.2 } },
      { type: 'approx-prefix-cache-producer', parameters: { lruCapacityPerServer: 5, autoTune: false } },
      { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 3 } },
      { type: 'metrics-data-source', parameters: { scheme: 'https' } },
    ],
    schedulingProfiles: [
      {
        name: 'default',
        plugins: [
          { pluginRef: 'prefix-cache-affinity-filter' },
          { pluginRef: 'q', weight: 2.5 },
          { pluginRef: 'prefix-cache-scorer' },
          { pluginRef: 'max-score-picker' },
        ],
      },
    ],
    saturationDetector: { pluginRef: 'utilization-detector' },
  });
  expect(profile).toMatchObject({
    picker: 'max-score',
    maxNumOfEndpoints: 3,
    prefix: { lruCapacityPerServer: 5, autoTune: false },
    scorers: [{ weight: 2.5 }, { weight: 1 }],
  });
  expect(profile.filters).toHaveLength(1);
  expect(notes).toEqual([
    'featureGates has no effect on picking',
    'saturationDetector has no effect on picking',
    'plugins[6] (metrics-data-source) has no effect on picking',
  ]);
});

test('an empty document is the default of the reference', () => {
  const { profile } = parseEndpointPickerConfig({ ...head, apiVersion: 'inference.networking.x-k8s.io/v1alpha1' });
  expect(profile.scorers.map(({ weight }) => weight)).toEqual([2, 2, 3]);
  // Plugins without a profile are all used.
  const { profile: all } = parseEndpointPickerConfig({ ...head, plugins: [{ type: 'queue-scorer' }, { type: 'random-picker' }] });
  expect([all.scorers.length, all.picker]).toEqual([1, 'random']);
});

test('what is not known is refused by name, with the nearest one', () => {
  const problems = problemsOf({
    apiVersion: 'v1',
    kind: 'EndpointPickerConfigg',
    schedulingProfile: [],
    plugins: [
      { type: 'queue-scorers' },
      { type: 'latency-scorer' },
      { type: 'prefix-cache-affinity-filter', parameters: { affinityTreshold: 0.8, maxTTFTPenaltyMs: -1, ttftSource: 'latencyPredictor' } },
      { type: 'kv-cache-utilization-scorer', parameters: { x: 1 } },
      { type: 'queue-scorer', parameter: {} },
      { type: 'queue-scorer' },
      { name: 'no type' },
      { type: 'label-selector-filter', parameters: { matchExpressions: [{ key: 'a', operator: 'Is' }] } },
    ],
    schedulingProfiles: [
      {
        name: 'default',
        plugins: [{ pluginRef: 'queue-scorerr' }, { pluginRef: 'prefix-cache-affinity-filter', weight: 1 }, { weight: 1 }],
      },
    ],
  });
  expect(problems).toEqual([
    'kind must be "EndpointPickerConfig"',
    'apiVersion must be "llm-d.ai/v1alpha1"',
    'schedulingProfile is not known; did you mean "schedulingProfiles"?',
    `plugins[0].type "queue-scorers" is not served; did you mean "queue-scorer"?; served are ${SUPPORTED_PLUGINS.join(', ')}`,
    expect.stringMatching(/^plugins\[1\]\.type "latency-scorer" is not served; /),
    'plugins[2].parameters.affinityTreshold is not known; did you mean "affinityThreshold"?',
    'plugins[2].parameters.maxTTFTPenaltyMs must be a number of at least 0',
    'plugins[2].parameters.ttftSource must be "prefillThroughput"',
    'plugins[3].parameters.x is not known; there are none here',
    'plugins[4].parameter is not known; did you mean "parameters"?',
    'plugins[5]: there is already a plugin "queue-scorer"',
    'plugins[6] must be an object with a type',
    'plugins[7].parameters.matchExpressions must be a list of {key, operator, values} with operator In, NotIn, Exists, DoesNotExist',
    'schedulingProfiles[0].plugins[0].pluginRef "queue-scorerr" names no plugin; did you mean "queue-scorer"?',
    'schedulingProfiles[0].plugins[1].weight: only scorers have one',
    'schedulingProfiles[0].plugins[2] must be an object with a pluginRef',
  ]);
  expect(problemsOf('text')).toEqual(['the document must be an object']);
  expect(problemsOf({ ...head, plugins: {}, schedulingProfiles: [{}, {}] })).toHaveLength(2);
  expect(problemsOf({ ...head, plugins: [{ type: 'toString' }] })).toHaveLength(1);
});

test('a document makes a policy that follows it', () => {
  const policy = endpointPickerPolicy(
    {
      ...head,
      plugins: [{ type: 'decode-filter' }, { type: 'queue-scorer' }, { type: 'max-score-picker', parameters: { maxNumOfEndpoints: 9 } }],
    },
    { now: new Clock().now, random: seeded(1) },
  );
  policy.setEndpoints([
    endpoint(0, { labels: { 'llm-d.ai/role': 'prefill' } }),
    endpoint(1, { labels: { 'llm-d.ai/role': 'both' } }),
    endpoint(2),
  ]);
  for (const [index, { id }] of endpoints(3).entries()) policy.observeMetrics(id, metrics({ waiting: 5 - index }), 0);
  expect(policy.pick(request(prompt('x', 100))).ranked.map(({ id }) => id)).toEqual(['10.0.0.2:8000', '10.0.0.1:8000']);
});
