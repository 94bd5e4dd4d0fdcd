import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';

import { load } from 'js-yaml';

import { type Cluster, type ClusterName, InvalidSettings, readSettings, type Settings, type SettingsProblem } from '../settings.ts';

/** Value of a key of the stack's configuration, without its namespace; that of an object is JSON. */
export type ReadKey = (key: string) => string | undefined;

type Fields = Readonly<Record<string, unknown>>;

const CLUSTERS: readonly ClusterName[] = ['gateway', 'model'];
const CLUSTER_FIELDS = ['context', 'kubeconfig'] as const;
const CLUSTER_KEYS = {
  gateway: { context: 'gatewayContext', kubeconfig: 'gatewayKubeconfig' },
  model: { context: 'modelContext', kubeconfig: 'modelKubeconfig' },
} as const;

/**
 * The settings of a stack: `settings` or the file that `settingsFile` names, and where the clusters are.
 * @param folder of the project: what relative paths begin at
 * @throws InvalidSettings with everything that is wrong
 */
export function settingsOf(read: ReadKey, folder: string): Settings {
  return readConfiguration(read, folder).settings;
}

/** The settings of a stack, and as they were given: what stacks of teams go by. */
export function readConfiguration(read: ReadKey, folder: string): { readonly given: Fields; readonly settings: Settings } {
  const problems: SettingsProblem[] = [];
  const input = inputOf(read, folder, problems);
  const clusters = clustersOf(input['clusters'], read, problems);
  const given = clusters === undefined ? input : { ...input, clusters };
  let settings: Settings | undefined;
  try {
    settings = readSettings(given);
  } catch (error) {
    if (!(error instanceof InvalidSettings)) throw error;
    // Without any settings there is nothing to say of them.
    if (problems.length === 0 || Object.keys(input).length > 0) problems.push(...error.problems);
  }
  if (settings === undefined || problems.length > 0) throw new InvalidSettings(problems);
  const { gateway, model } = settings.clusters;
  return { given, settings: { ...settings, clusters: { gateway: located(gateway, folder), model: located(model, folder) } } };
}

function inputOf(read: ReadKey, folder: string, problems: SettingsProblem[]): Fields {
  const given = read('settings');
  const file = read('settingsFile');
  const isGiven = given !== undefined && given !== '{}';
  if (file === undefined || file === '') {
    if (!isGiven) {
      const message =
        'there are none: pulumi config set settingsFile FILE, or single ones such as pulumi config set --path settings.image.name NAME';
      problems.push({ path: 'settings', message });
      return {};
    }
    return objectOf(JSON.parse(given), 'settings', problems);
  }
  if (isGiven) problems.push({ path: 'settingsFile', message: 'is set, and settings as well: keep one of them' });
  return fileOf(resolve(folder, file), problems);
}

function fileOf(file: string, problems: SettingsProblem[]): Fields {
  const path = 'settingsFile';
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    problems.push({ path, message: `${file} cannot be read (${(error as NodeJS.ErrnoException).code})` });
    return {};
  }
  try {
    return objectOf(load(text), path, problems);
  } catch (error) {
    problems.push({ path, message: `${file} is no YAML: ${(error as Error).message.split('\n')[0]}` });
    return {};
  }
}

function objectOf(value: unknown, path: string, problems: SettingsProblem[]): Fields {
  if (isObject(value)) return value;
  problems.push({ path, message: `has to be an object, such as {size: dev, image: {name: …, tag: …}}, not ${JSON.stringify(value)}` });
  return {};
}

/** What the settings say of the clusters, and the keys that stand for it. A cluster is named: the current context changes too easily. */
function clustersOf(given: unknown, read: ReadKey, problems: SettingsProblem[]): unknown {
  if (given !== undefined && !isObject(given)) return given;
  const clusters: Record<string, unknown> = { ...given };
  for (const cluster of CLUSTERS) {
    const before = isObject(clusters[cluster]) ? clusters[cluster] : {};
    for (const field of CLUSTER_FIELDS) {
      const key = CLUSTER_KEYS[cluster][field];
      const value = read(key);
      if (value === undefined || value === '') continue;
      const other = before[field];
      if (other !== undefined && other !== value)
        problems.push({
          path: `clusters.${cluster}.${field}`,
          message: `is ${JSON.stringify(other)}, but ${key} is "${value}": keep one of them`,
        });
      clusters[cluster] = { ...before, ...(clusters[cluster] as Fields | undefined), [field]: value };
    }
  }
  const { gateway } = clusters;
  if (!isObject(gateway) || (gateway['context'] === undefined && gateway['kubeconfig'] === undefined))
    problems.push({ path: 'clusters.gateway.context', message: 'no cluster is named: pulumi config set gatewayContext NAME' });
  return Object.keys(clusters).length === 0 ? undefined : clusters;
}

/** Where a cluster is, as the configuration's own keys say. */
export function clusterOf(cluster: ClusterName, read: ReadKey, folder: string): Cluster {
  const given = CLUSTER_FIELDS.map((field) => [field, read(CLUSTER_KEYS[cluster][field]) ?? ''] as const);
  return located(Object.fromEntries(given.filter(([, value]) => value !== '')), folder);
}

function located(cluster: Cluster, folder: string): Cluster {
  return cluster.kubeconfig === undefined ? cluster : { ...cluster, kubeconfig: pathOf(cluster.kubeconfig, folder) };
}

function pathOf(path: string, folder: string): string {
  if (path.startsWith('~/')) return join(homedir(), path.slice(2));
  return isAbsolute(path) ? path : resolve(folder, path);
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
