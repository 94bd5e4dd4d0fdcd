import type { ApproximatePrefixOptions } from './approximate-prefix.ts';
import { labelFilter, prefixAffinityFilter } from './filters.ts';
import type { LabelRequirement, PrefixAffinityOptions } from './filters.ts';
import { anyBoolean, anyText, between, given, isObject, oneOf, wholeFrom } from './parameters.ts';
import type { Check, Parameters } from './parameters.ts';
import {
  activeRequestScorer,
  kvScorer,
  loadAwareScorer,
  loraScorer,
  noHitLruScorer,
  prefixScorer,
  queueScorer,
  runningScorer,
  tokenLoadScorer,
} from './scorers.ts';
import type { Filter, Profile, Scorer } from './weighted.ts';

interface PluginBase {
  /** Every parameter that is known, and what it must be. */
  readonly parameters: Readonly<Record<string, Check>>;
}

export type PluginType = PluginBase &
  (
    | { readonly role: 'scorer'; readonly scorer: (parameters: Parameters) => Scorer }
    | { readonly role: 'filter'; readonly filter: (parameters: Parameters) => Filter }
    | { readonly role: 'picker'; readonly picker: Profile['picker'] }
    | { readonly role: 'prefix-producer' }
    | { readonly role: 'profile-handler' }
    /** Has its place in the document, and no effect on picking. */
    | { readonly role: 'elsewhere' }
  );

const none = {};
const pickerParameters = { maxNumOfEndpoints: wholeFrom(1) };
const prefixProducer: Check = oneOf('approx-prefix-cache-producer');
const loadProducer: Check = oneOf('inflight-load-producer');

function scorer(make: (parameters: Parameters) => Scorer, parameters: Readonly<Record<string, Check>> = none): PluginType {
  return { role: 'scorer', parameters, scorer: make };
}

function roleFilter(...roles: readonly string[]): PluginType {
  const filter = labelFilter([{ key: 'llm-d.ai/role', operator: 'In', values: roles }]);
  return { role: 'filter', parameters: none, filter: () => filter };
}

const unlabelled = labelFilter([{ key: 'llm-d.ai/role', operator: 'DoesNotExist' }]);
const decoding = labelFilter([
  { key: 'llm-d.ai/role', operator: 'In', values: ['decode', 'prefill-decode', 'both', 'encode-prefill-decode'] },
]);

/** The plugin types of an EndpointPickerConfig that are served, by their names in llm-d-router 0.10. */
export const PLUGIN_TYPES: Readonly<Record<string, PluginType>> = {
  'queue-scorer': scorer(() => queueScorer),
  'running-requests-size-scorer': scorer(() => runningScorer),
  'kv-cache-utilization-scorer': scorer(() => kvScorer),
  'lora-affinity-scorer': scorer(() => loraScorer),
  'prefix-cache-scorer': scorer((p) => prefixScorer(p.number('matchLengthWeight'), p.number('matchLengthScaleTokens')), {
    matchLengthWeight: between(0, 1),
    matchLengthScaleTokens: wholeFrom(1),
    prefixMatchInfoProducerName: prefixProducer,
  }),
  'load-aware-scorer': scorer((p) => loadAwareScorer(p.number('threshold')), { threshold: wholeFrom(1) }),
  'active-request-scorer': scorer((p) => activeRequestScorer(p.number('idleThreshold'), p.number('maxBusyScore')), {
    idleThreshold: wholeFrom(0),
    maxBusyScore: between(0, 1),
    inFlightLoadProducerName: loadProducer,
  }),
  'token-load-scorer': scorer((p) => tokenLoadScorer(p.number('queueThresholdTokens')), {
    queueThresholdTokens: wholeFrom(1),
    inFlightLoadProducerName: loadProducer,
  }),
  // It remembers every endpoint there is, so the size of its memory is of no concern.
  'no-hit-lru-scorer': scorer(() => noHitLruScorer, { lruSize: wholeFrom(1) }),

  'prefix-cache-affinity-filter': {
    role: 'filter',
    parameters: {
      affinityThreshold: between(0, 1),
      explorationProbability: between(0, 1),
      maxTTFTPenaltyMs: between(0),
      peakPrefillThroughput: between(1),
      ttftSource: oneOf('prefillThroughput'),
      prefixMatchInfoProducerName: prefixProducer,
      inFlightLoadProducerName: loadProducer,
    },
    filter: (p) =>
      prefixAffinityFilter(
        given<PrefixAffinityOptions>({
          affinityThreshold: p.number('affinityThreshold'),
          explorationProbability: p.number('explorationProbability'),
          maxTTFTPenaltyMs: p.number('maxTTFTPenaltyMs'),
          peakPrefillThroughput: p.number('peakPrefillThroughput'),
        }),
      ),
  },
  'label-selector-filter': {
    role: 'filter',
    parameters: { matchLabels: labels, matchExpressions: requirements },
    filter: (p) =>
      labelFilter([
        ...Object.entries((p.raw('matchLabels') ?? {}) as Record<string, string>).map(([key, value]): LabelRequirement => ({
          key,
          operator: 'In',
          values: [value],
        })),
        ...((p.raw('matchExpressions') ?? []) as LabelRequirement[]),
      ]),
  },
  'encode-filter': roleFilter('encode', 'encode-prefill', 'encode-prefill-decode'),
  'prefill-filter': roleFilter('prefill', 'encode-prefill', 'prefill-decode', 'both', 'encode-prefill-decode'),
  // Pods without a role decode.
  'decode-filter': {
    role: 'filter',
    parameters: none,
    filter: () => (candidates, weighed) => [...decoding(candidates, weighed), ...unlabelled(candidates, weighed)],
  },

  'max-score-picker': { role: 'picker', parameters: pickerParameters, picker: 'max-score' },
  'random-picker': { role: 'picker', parameters: pickerParameters, picker: 'random' },
  'weighted-random-picker': { role: 'picker', parameters: pickerParameters, picker: 'weighted-random' },

  'approx-prefix-cache-producer': {
    role: 'prefix-producer',
    parameters: {
      autoTune: anyBoolean,
      blockSizeTokens: wholeFrom(1),
      maxPrefixTokensToMatch: wholeFrom(1),
      lruCapacityPerServer: wholeFrom(1),
    },
  },
  'single-profile-handler': { role: 'profile-handler', parameters: none },
  'inflight-load-producer': { role: 'elsewhere', parameters: none },
  'metrics-data-source': {
    role: 'elsewhere',
    parameters: { scheme: oneOf('http', 'https'), path: anyText, insecureSkipVerify: anyBoolean },
  },
  'core-metrics-extractor': { role: 'elsewhere', parameters: none },
  'openai-parser': { role: 'elsewhere', parameters: none },
};

export function prefixOptions(p: Parameters): Partial<ApproximatePrefixOptions> {
  return given<ApproximatePrefixOptions>({
    autoTune: p.boolean('autoTune'),
    blockSizeTokens: p.number('blockSizeTokens'),
    maxPrefixTokensToMatch: p.number('maxPrefixTokensToMatch'),
    lruCapacityPerServer: p.number('lruCapacityPerServer'),
  });
}

function labels(value: unknown): string | undefined {
  const fits = isObject(value) && Object.values(value).every((label) => typeof label === 'string');
  return fits ? undefined : 'must map label names to strings';
}

function requirements(value: unknown): string | undefined {
  const operators = ['In', 'NotIn', 'Exists', 'DoesNotExist'];
  const fits =
    Array.isArray(value) &&
    value.every(
      (entry) =>
        isObject(entry) &&
        typeof entry['key'] === 'string' &&
        operators.includes(entry['operator'] as string) &&
        (entry['values'] === undefined || (Array.isArray(entry['values']) && entry['values'].every((one) => typeof one === 'string'))) &&
        Object.keys(entry).every((name) => ['key', 'operator', 'values'].includes(name)),
    );
  return fits ? undefined : `must be a list of {key, operator, values} with operator ${operators.join(', ')}`;
}
