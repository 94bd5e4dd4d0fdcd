import { didYouMean } from '#core/resources/nearest';

import type { Surroundings } from '../policy.ts';
import { anyText, checkMembers, isObject, Parameters } from './parameters.ts';
import type { Check } from './parameters.ts';
import { PLUGIN_TYPES, prefixOptions } from './plugins.ts';
import type { PluginType } from './plugins.ts';
import { WeightedPolicy } from './weighted.ts';
import type { Profile, Scorer } from './weighted.ts';

/** `llm-d.ai` since the reference moved; the old group is still accepted, as it is there. */
const API_VERSIONS = ['llm-d.ai/v1alpha1', 'inference.networking.x-k8s.io/v1alpha1'];

const anything: Check = () => undefined;
const TOP: Readonly<Record<string, Check>> = {
  apiVersion: anything,
  kind: anything,
  featureGates: anything,
  plugins: anything,
  schedulingProfiles: anything,
  saturationDetector: anything,
  flowControl: anything,
  dataLayer: anything,
  requestHandler: anything,
};
const PLUGIN: Readonly<Record<string, Check>> = { type: anyText, name: anyText, parameters: anything };
const PROFILE: Readonly<Record<string, Check>> = { name: anyText, plugins: anything };
const REFERENCE: Readonly<Record<string, Check>> = { pluginRef: anyText, weight: anything };

/** What the reference puts in when a document names no scorer at all. */
const DEFAULT_SCORERS: readonly (readonly [string, number])[] = [
  ['queue-scorer', 2],
  ['kv-cache-utilization-scorer', 2],
  ['prefix-cache-scorer', 3],
];

/** A document that cannot be followed to the letter. */
export class EndpointPickerConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`EndpointPickerConfig: ${problems.join('\n')}`);
    this.name = 'EndpointPickerConfigError';
    this.problems = problems;
  }
}

interface Plugin {
  readonly name: string;
  readonly type: PluginType;
  readonly typeName: string;
  readonly parameters: Parameters;
}

/** The types that an EndpointPickerConfig may use. */
export const SUPPORTED_PLUGINS: readonly string[] = Object.keys(PLUGIN_TYPES);

/**
 * Reads an EndpointPickerConfig (llm-d-router's configuration file) into a profile.
 *
 * @param document parsed YAML or JSON
 * @returns the profile, and `notes` on what the document says that has no effect on picking
 * @throws EndpointPickerConfigError with every plugin, parameter or section that is not known or not right
 */
export function parseEndpointPickerConfig(document: unknown): { readonly profile: Profile; readonly notes: readonly string[] } {
  if (!isObject(document)) throw new EndpointPickerConfigError(['the document must be an object']);
  const problems: string[] = [];
  const notes: string[] = [];
  if (document['kind'] !== 'EndpointPickerConfig') problems.push('kind must be "EndpointPickerConfig"');
  if (!API_VERSIONS.includes(document['apiVersion'] as string)) problems.push(`apiVersion must be "${API_VERSIONS[0]}"`);
  problems.push(...checkMembers(document, TOP, '').map((line) => line.replace(/^\./, '')));
  for (const section of ['featureGates', 'saturationDetector', 'flowControl', 'dataLayer', 'requestHandler']) {
    if (document[section] !== undefined) notes.push(`${section} has no effect on picking`);
  }
  const plugins = readPlugins(document['plugins'] ?? [], problems, notes);
  const profile = readProfile(document['schedulingProfiles'], plugins, problems);
  if (problems.length > 0) throw new EndpointPickerConfigError(problems);
  return { profile, notes };
}

/** The policy that an EndpointPickerConfig describes. */
export function endpointPickerPolicy(document: unknown, around: Surroundings): WeightedPolicy {
  return new WeightedPolicy(around, parseEndpointPickerConfig(document).profile);
}

function readPlugins(list: unknown, problems: string[], notes: string[]): ReadonlyMap<string, Plugin> {
  const plugins = new Map<string, Plugin>();
  if (!Array.isArray(list)) {
    problems.push('plugins must be a list');
    return plugins;
  }
  list.forEach((entry: unknown, index) => {
    const path = `plugins[${index}]`;
    if (!isObject(entry) || typeof entry['type'] !== 'string') {
      problems.push(`${path} must be an object with a type`);
      return;
    }
    problems.push(...checkMembers(entry, PLUGIN, path));
    const typeName = entry['type'];
    const type = Object.hasOwn(PLUGIN_TYPES, typeName) ? PLUGIN_TYPES[typeName] : undefined;
    if (type === undefined) {
      const hint = didYouMean(typeName, SUPPORTED_PLUGINS);
      problems.push(`${path}.type "${typeName}" is not served${hint}; served are ${SUPPORTED_PLUGINS.join(', ')}`);
      return;
    }
    const given = entry['parameters'] ?? {};
    if (!isObject(given)) {
      problems.push(`${path}.parameters must be an object`);
      return;
    }
    problems.push(...checkMembers(given, type.parameters, `${path}.parameters`));
    if (type.role === 'elsewhere') notes.push(`${path} (${typeName}) has no effect on picking`);
    const name = typeof entry['name'] === 'string' ? entry['name'] : typeName;
    if (plugins.has(name)) problems.push(`${path}: there is already a plugin "${name}"`);
    plugins.set(name, { name, type, typeName, parameters: new Parameters(given) });
  });
  return plugins;
}

function readProfile(list: unknown, plugins: ReadonlyMap<string, Plugin>, problems: string[]): Profile {
  const used = list === undefined ? allOf(plugins) : referencesOf(list, plugins, problems);
  const scorers: { score: Scorer; weight: number }[] = [];
  const profile: { -readonly [K in keyof Profile]: Profile[K] } = { filters: [], scorers, picker: 'max-score' };
  for (const { plugin, weight } of used) {
    const { type, parameters } = plugin;
    if (type.role === 'scorer') scorers.push({ score: type.scorer(parameters), weight });
    if (type.role === 'filter') profile.filters = [...profile.filters, type.filter(parameters)];
    if (type.role !== 'picker') continue;
    profile.picker = type.picker;
    const most = parameters.number('maxNumOfEndpoints');
    if (most !== undefined) profile.maxNumOfEndpoints = most;
  }
  const pickers = used.filter(({ plugin }) => plugin.type.role === 'picker');
  if (pickers.length > 1) problems.push(`a profile has one picker, not ${pickers.length}`);
  if (list === undefined && scorers.length === 0) {
    for (const [name, weight] of DEFAULT_SCORERS) {
      const type = PLUGIN_TYPES[name]!;
      if (type.role === 'scorer') scorers.push({ score: type.scorer(new Parameters({})), weight });
    }
  }
  const producers = [...plugins.values()].filter(({ type }) => type.role === 'prefix-producer');
  if (producers.length > 1) problems.push('plugins: there can be one approx-prefix-cache-producer');
  if (producers[0] !== undefined) profile.prefix = prefixOptions(producers[0].parameters);
  return profile;
}

interface Used {
  readonly plugin: Plugin;
  readonly weight: number;
}

/** Without profiles, there is one that uses every plugin. */
function allOf(plugins: ReadonlyMap<string, Plugin>): readonly Used[] {
  return [...plugins.values()].map((plugin) => ({ plugin, weight: 1 }));
}

function referencesOf(list: unknown, plugins: ReadonlyMap<string, Plugin>, problems: string[]): readonly Used[] {
  if (!Array.isArray(list) || list.length !== 1 || !isObject(list[0])) {
    problems.push('schedulingProfiles must have exactly one profile: that is what single-profile-handler runs');
    return [];
  }
  const profile = list[0];
  problems.push(...checkMembers(profile, PROFILE, 'schedulingProfiles[0]'));
  const references: unknown = profile['plugins'] ?? [];
  if (!Array.isArray(references)) {
    problems.push('schedulingProfiles[0].plugins must be a list');
    return [];
  }
  return references.flatMap((entry: unknown, index): Used[] => {
    const path = `schedulingProfiles[0].plugins[${index}]`;
    if (!isObject(entry) || typeof entry['pluginRef'] !== 'string') {
      problems.push(`${path} must be an object with a pluginRef`);
      return [];
    }
    problems.push(...checkMembers(entry, REFERENCE, path));
    const plugin = plugins.get(entry['pluginRef']);
    if (plugin === undefined) {
      problems.push(`${path}.pluginRef "${entry['pluginRef']}" names no plugin${didYouMean(entry['pluginRef'], plugins.keys())}`);
      return [];
    }
    const { weight = 1 } = entry;
    if (typeof weight !== 'number' || !Number.isFinite(weight)) problems.push(`${path}.weight must be a number`);
    if (entry['weight'] !== undefined && plugin.type.role !== 'scorer') problems.push(`${path}.weight: only scorers have one`);
    if (!['scorer', 'filter', 'picker'].includes(plugin.type.role)) problems.push(`${path}: ${plugin.typeName} has no place in a profile`);
    return [{ plugin, weight: Number(weight) }];
  });
}
