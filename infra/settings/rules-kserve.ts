import { llmInferenceServiceProblems } from '../../kserve/charts/llm-inference-service.ts';
import { localModelCacheProblems } from '../../kserve/charts/local-model-cache.ts';
import type { Problem } from '../../kserve/charts/refusal.ts';
import { isModelUri } from '../../kserve/charts/storage-uri.ts';
import { cacheOptions, serviceOptions } from '../charts/kserve.ts';
import type { Checked } from './rules.ts';
import type { KServeScalingInput, ModelInput } from './schema.ts';
import type { Model } from './settings.ts';

type Report = Checked['report'];

/** @param at path of the model */
export function checkKServe(model: Model, given: ModelInput, at: string, report: Report): void {
  if (model.runtime !== 'kserve') {
    if (given.kserve !== undefined) report(`${at}.kserve`, `is for runtime kserve, not for ${model.runtime}`);
    return;
  }
  if ((given.loras ?? []).length > 0)
    report(`${at}.loras`, 'is for simulator and vllm; adapters of an LLMInferenceService have URIs of their own: kserve.lora.adapters');
  checkReplicas(given, at, report);
  checkScaling(given.kserve?.scaling, `${at}.kserve.scaling`, report);
  checkScaling(given.kserve?.prefill?.scaling, `${at}.kserve.prefill.scaling`, report);
  if (given.kserve?.prefill !== undefined && model.picker !== 'epp')
    report(`${at}.picker`, 'has to be epp with kserve.prefill: only the picker of KServe names a prefill pod for each request');
  for (const { path, why } of [...serviceProblems(model, given), ...cacheProblems(model)]) report(`${at}.${path}`, why);
}

const decides = (scaling: string) => `cannot stand beside ${scaling}, which decides it; use its min and max, or take it out`;

function checkReplicas({ replicas, release, kserve }: ModelInput, at: string, report: Report): void {
  if (kserve?.scaling !== undefined) {
    if (replicas !== undefined) report(`${at}.replicas`, decides('kserve.scaling'));
    if (release?.replicas !== undefined) report(`${at}.release.replicas`, decides('kserve.scaling'));
  }
  if (kserve?.prefill?.scaling !== undefined && kserve.prefill.replicas !== undefined)
    report(`${at}.kserve.prefill.replicas`, decides('kserve.prefill.scaling'));
}

const OF_HPA = ['scaleDownSeconds', 'scaleUpSeconds'] as const;
const OF_KEDA = ['pollingSeconds', 'cooldownSeconds', 'initialCooldownSeconds', 'idleReplicas', 'fallback'] as const;

function checkScaling(given: KServeScalingInput | undefined, at: string, report: Report): void {
  if (given === undefined) return;
  const [other, fields] = given.by === 'hpa' ? (['keda', OF_KEDA] as const) : (['hpa', OF_HPA] as const);
  for (const field of fields) if (given[field] !== undefined) report(`${at}.${field}`, `is for ${other}, not for ${given.by}`);
}

/** What the builder of the chart would refuse, by paths from the model. */
function serviceProblems(model: Model, given: ModelInput): Problem[] {
  // Another picker beside prefill is told of in the words of the settings.
  const problems = llmInferenceServiceProblems(serviceOptions({ ...model, picker: 'epp' }));
  const found = new Map<string, string>();
  for (const { path, why } of problems) {
    const setting = settingOf(path);
    if (isGiven(setting, given) && !found.has(setting)) found.set(setting, inSettings(why));
  }
  return [...found].map(([path, why]) => ({ path, why }));
}

/** Names of the object that anything can be wrong with, the schema being kept, and those of the settings. */
const NAMES: readonly (readonly [theirs: RegExp, ours: string])[] = [
  [/^model\.lora/, 'lora'],
  [/^worker$/, 'workers'],
  [/^(template|worker)\.tolerations/, 'tolerations'],
  [/^scaling\.wva$/, 'scaling.by'],
  [/^scaling\.wva\.(keda\.)?/, 'scaling.'],
  [/idleReplicaCount$/, 'idleReplicas'],
];

/** @param path of the object, such as `spec.prefill.scaling.minReplicas` */
function settingOf(path: string): string {
  const [, prefill = '', rest = path] = /^spec\.(prefill\.)?(.+)$/.exec(path) ?? [];
  if (rest === 'model.uri') return 'source';
  if (rest === 'template') return prefill === '' ? 'gpus' : 'kserve.prefill.gpus';
  return `kserve.${prefill}${inSettings(NAMES.reduce((text, [theirs, ours]) => text.replace(theirs, ours), rest))}`;
}

function inSettings(text: string): string {
  return text.replace(/\bminReplicas\b/, 'min').replace(/\bmaxReplicas\b/, 'max');
}

/** What a default has is wrong where it comes from; a source is told of with that of any runtime. */
function isGiven(setting: string, { kserve }: ModelInput): boolean {
  if (setting === 'source') return false;
  if (setting === 'kserve.workers') return kserve?.workers !== undefined;
  if (setting === 'kserve.prefill.workers') return kserve?.prefill?.workers !== undefined;
  return !setting.startsWith('kserve.prefill.tolerations') || kserve?.prefill?.tolerations !== undefined;
}

function cacheProblems(model: Model): Problem[] {
  const found = new Map<string, string>();
  for (const options of cacheOptions(model)) {
    if (!isModelUri(options.uri)) continue;
    for (const { path, why } of localModelCacheProblems(options)) {
      const isSource = path === 'spec.sourceModelUri';
      const setting = isSource ? 'kserve.cache' : path.replace('spec.modelSize', 'kserve.cache.size').replace('spec.', 'kserve.cache.');
      if (!found.has(setting)) found.set(setting, isSource ? `cannot keep ${options.uri}: ${why}` : why);
    }
  }
  return [...found].map(([path, why]) => ({ path, why }));
}
