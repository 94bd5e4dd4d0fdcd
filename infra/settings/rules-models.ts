import { reportDuplicates } from '#core/resources/ai-gateway/unique';

import { isModelUri } from '../../kserve/charts/storage-uri.ts';
import { checkKServe } from './rules-kserve.ts';
import type { Checked, Rule } from './rules.ts';
import type { ModelInput, SecretReferenceInput } from './schema.ts';
import type { Model, Runtime } from './settings.ts';

export const MODEL_RULES: readonly Rule[] = [
  { reads: ['tierOne', 'providers', 'redis'], check: checkSecrets },
  { reads: ['providers'], check: checkProviders },
  { reads: ['models', 'namespaces'], check: checkModels },
  { reads: ['models', 'providers'], check: checkRoutes },
];

/** AIGatewayRoute has so many rules at most, and a Gateway takes so many of its own routes here. */
const MOST_ROUTES = 1000;

function checkSecrets({ input, report }: Checked): void {
  const given: (readonly [path: string, reference: SecretReferenceInput | undefined])[] = [
    ...(input.tierOne?.clients ?? []).map(({ key }, index) => [`tierOne.clients[${index}].key`, key] as const),
    ...(input.providers ?? []).map(({ key }, index) => [`providers[${index}].key`, key] as const),
    ['redis.url', input.redis?.url],
  ];
  for (const [path, reference] of given) {
    if (reference === undefined) continue;
    const ways = Object.keys(reference);
    if (ways.length !== 1)
      report(path, `needs one of config, file, existing, external${ways.length === 0 ? '' : `, not ${ways.join(' and ')}`}`);
  }
  for (const [index, { key }] of (input.tierOne?.clients ?? []).entries()) {
    if (key?.existing !== undefined || key?.external !== undefined)
      report(`tierOne.clients[${index}].key`, 'keys of clients share one Secret: they come from config or a file, or are generated');
  }
}

function checkProviders({ input, settings: { providers }, report }: Checked): void {
  reportDuplicates(providers, ({ name }) => name, 'providers', 'name', report);
  for (const [index, { name, api, hostname, version, models, tls, port, key }] of providers.entries()) {
    const at = `providers[${index}]`;
    if (name === 'tier-two') report(`${at}.name`, 'tier-two is what tier one calls tier two; choose another name');
    if (hostname === '') report(`${at}.hostname`, `is required for ${api}, which has a host for each customer`);
    if (api === 'AzureOpenAI' && version === undefined)
      report(`${at}.version`, 'is required for AzureOpenAI: its api-version, such as 2025-01-01-preview');
    if (!tls && port === 443) report(`${at}.tls`, 'is false, and port 443 is for TLS');
    if (!tls && key !== undefined && input.providers?.[index]?.hostname === undefined)
      report(`${at}.tls`, `a key must not go to ${hostname} in plain text`);
    reportDuplicates(models, ({ as }) => as, `${at}.models`, 'as', report);
  }
}

function checkModels({ input, settings: { models, namespaces }, report }: Checked): void {
  reportDuplicates(models, ({ namespace, name }) => `${namespace}/${name}`, 'models', 'name', report);
  checkVersionNames(models, report);
  // Models find a cache by their source.
  reportDuplicates(models, ({ kserve, source }) => (kserve?.cache === undefined ? undefined : source), 'models', 'kserve.cache', report);
  const taken = new Map(Object.entries(namespaces).map(([part, namespace]) => [namespace, part]));
  for (const [index, model] of models.entries()) {
    const at = `models[${index}]`;
    const given = input.models![index]!;
    const part = taken.get(model.namespace);
    if (part !== undefined) report(`${at}.namespace`, `${model.namespace} is namespaces.${part}; models have namespaces of their own`);
    if (model.runtime === 'simulator') {
      for (const field of ['tokenSecret', 'gpus'] as const)
        if (given[field] !== undefined && given[field] !== 0) report(`${at}.${field}`, WEIGHTLESS);
    } else {
      if (given.speed !== undefined) report(`${at}.speed`, `is for runtime simulator, not for ${model.runtime}`);
      if (model.source === undefined) report(`${at}.source`, `is required for ${model.runtime}: where the weights are`);
    }
    checkPods(model.runtime, given, at, report);
    checkRelease(model, given.release, `${at}.release`, report);
    checkKServe(model, given, at, report);
    reportDuplicates(model.routes, (route) => route, `${at}.routes`, '', report);
  }
}

/** Pods of `qwen` in version `v2` are called as a model `qwen-v2` would be. */
function checkVersionNames(models: readonly Model[], report: Checked['report']): void {
  const taken = new Map(models.map(({ namespace, name }, index) => [`${namespace}/${name}`, `models[${index}].name`]));
  for (const [index, { namespace, name, version, release }] of models.entries()) {
    for (const [field, its] of [
      ['version', version],
      ['release.version', release?.version],
    ] as const) {
      if (its === undefined) continue;
      const full = `${namespace}/${name}-${its}`;
      const other = taken.get(full);
      if (other !== undefined) report(`models[${index}].${field}`, `its pool would be called ${full}, as that of ${other} is`);
      else taken.set(full, `models[${index}].${field}`);
    }
  }
}

const WEIGHTLESS = 'the simulator has no weights and no GPU; use runtime vllm or kserve';

/** What a model and a release of it say alike. */
function checkPods(runtime: Runtime, { source, args }: Pick<ModelInput, 'source' | 'args'>, at: string, report: Checked['report']): void {
  if (source !== undefined && runtime === 'simulator') report(`${at}.source`, WEIGHTLESS);
  if (source !== undefined && runtime === 'kserve' && !isModelUri(source))
    report(`${at}.source`, `"${source}" is no URI such as hf://OWNER/MODEL, pvc://CLAIM/PATH or s3://BUCKET/PATH, which KServe takes`);
  if (args !== undefined && runtime === 'kserve')
    report(`${at}.args`, 'KServe decides what vLLM is started with; use an LLMInferenceServiceConfig');
}

function checkRelease({ runtime, version, loras }: Model, given: ModelInput['release'], at: string, report: Checked['report']): void {
  if (given === undefined) return;
  if (given.version === version) report(`${at}.version`, `"${version}" is what runs already; a release has another version`);
  if (loras.length >= MOST_RELEASED)
    report(at, `${MOST_RELEASED} names are the most that a release can have, with those of loras, as an HTTPRoute takes no more`);
  checkPods(runtime, given, at, report);
}

/** Matches of a rule of an HTTPRoute. */
const MOST_RELEASED = 64;

/** Several backends of one name stand in for each other; pods of two pools behind one name at tier two would not. */
function checkRoutes({ settings: { models, providers }, report }: Checked): void {
  const served = models.flatMap(({ model, loras, runtime }, index) => [
    { name: model, index, path: `models[${index}].model` },
    ...loras.map((name, lora) => ({
      name,
      index,
      path: runtime === 'kserve' ? `models[${index}].kserve.lora.adapters[${lora}].name` : `models[${index}].loras[${lora}]`,
    })),
  ]);
  const first = new Map<string, { readonly index: number; readonly path: string }>();
  for (const { name, index, path } of served) {
    const other = first.get(name);
    if (other === undefined) first.set(name, { index, path });
    // Within a model of KServe it is told with the rest of its adapters.
    else if (other.index !== index || models[index]?.runtime !== 'kserve')
      report(path, `${JSON.stringify(name)} is also ${other.path}; tier two could not tell the pools apart`);
  }
  const names = new Set([
    ...models.flatMap(({ routes, loras }) => [...routes, ...loras]),
    ...providers.flatMap(({ models }) => models.map(({ as }) => as)),
  ]);
  if (names.size > MOST_ROUTES)
    report(
      'models',
      `there are ${names.size} names of models with those of providers, and ${MOST_ROUTES} is the most that these settings can say`,
    );
}
