import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, isAbsolute, join } from 'node:path';

import { load } from 'js-yaml';

import { didYouMean } from '../resources/nearest.ts';

type Fields = Record<string, unknown>;

/** One `{name, cluster | user | context}`. */
interface Entry extends Fields {
  readonly name: string;
}

export interface Kubeconfig {
  readonly 'current-context': string;
  readonly clusters: readonly Entry[];
  readonly users: readonly Entry[];
  readonly contexts: readonly Entry[];
}

/** The files that kubectl would read: KUBECONFIG, or the one in the home folder. */
export function defaultKubeconfigs(env: Readonly<Record<string, string | undefined>>): string[] {
  const named = env['KUBECONFIG']?.split(delimiter).filter((file) => file !== '') ?? [];
  return named.length > 0 ? named : [join(env['HOME'] ?? homedir(), '.kube', 'config')];
}

/**
 * Reads and merges kubeconfig files as kubectl does: of two entries with one name the first one counts, and paths are relative to the file
 * that has them. client-node reads one file, fails on a name that two files have, and knows neither `tokenFile` nor relative commands.
 * @throws Error when a file cannot be read, or has no such context
 * @see https://kubernetes.io/docs/concepts/configuration/organize-cluster-access-kubeconfig/#merging-kubeconfig-files
 */
export function readKubeconfig(files: readonly string[], context?: string): Kubeconfig {
  const merged = { clusters: new Map<string, Entry>(), users: new Map<string, Entry>(), contexts: new Map<string, Entry>() };
  let current = context ?? '';
  for (const file of files) {
    const document = parse(file);
    for (const [list, entries] of Object.entries(merged)) {
      const given = document[list];
      for (const entry of Array.isArray(given) ? given.filter(isEntry) : []) {
        if (!entries.has(entry.name)) entries.set(entry.name, resolvePaths(entry, dirname(file)));
      }
    }
    const named = document['current-context'];
    if (current === '' && typeof named === 'string') current = named;
  }
  const where = files.join(', ');
  const found = merged.contexts.get(current);
  if (found === undefined) {
    const names = [...merged.contexts.keys()];
    const contexts = names.length === 0 ? 'it has no contexts' : `its contexts: ${names.join(', ')}`;
    throw new Error(
      current === ''
        ? `kubeconfig ${where} has no current-context; name one (${contexts})`
        : `kubeconfig ${where} has no context "${current}"${didYouMean(current, names)} (${contexts})`,
    );
  }
  checkContext(found, merged, where);
  return {
    'current-context': current,
    clusters: [...merged.clusters.values()],
    users: [...merged.users.values()],
    contexts: [...merged.contexts.values()],
  };
}

function checkContext(
  entry: Entry,
  { clusters, users }: { readonly clusters: ReadonlyMap<string, Entry>; readonly users: ReadonlyMap<string, Entry> },
  where: string,
): void {
  const { cluster, user } = fieldsOf(entry['context']);
  if (typeof cluster !== 'string' || !clusters.has(cluster)) {
    throw new Error(`kubeconfig ${where}: context "${entry.name}" names the cluster ${JSON.stringify(cluster ?? '')}, which is not there`);
  }
  if (typeof user === 'string' && user !== '' && !users.has(user)) {
    throw new Error(`kubeconfig ${where}: context "${entry.name}" names the user "${user}", who is not there`);
  }
  const { server } = fieldsOf(clusters.get(cluster)!['cluster']);
  if (typeof server !== 'string' || !URL.canParse(server)) {
    throw new Error(`kubeconfig ${where}: the server of cluster "${cluster}" is no URL`);
  }
}

function parse(file: string): Fields {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new Error(`kubeconfig ${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  try {
    return fieldsOf(load(text));
  } catch {
    // The parser's message quotes the text, which has keys and tokens in it.
    throw new Error(`kubeconfig ${file} is no YAML`);
  }
}

function resolvePaths(entry: Entry, folder: string): Entry {
  const absolute = (value: unknown) => (typeof value === 'string' && value !== '' && !isAbsolute(value) ? join(folder, value) : value);
  const resolved: Fields = { ...entry };
  if (entry['cluster'] !== undefined) {
    const cluster = { ...fieldsOf(entry['cluster']) };
    if (cluster['certificate-authority'] !== undefined) cluster['certificate-authority'] = absolute(cluster['certificate-authority']);
    // client-node refuses http; `kubectl proxy` on this machine is fine, as its credentials do not travel.
    if (isLoopbackHttp(cluster['server'])) cluster['insecure-skip-tls-verify'] = true;
    resolved['cluster'] = cluster;
  }
  if (entry['user'] !== undefined) resolved['user'] = resolveUser({ ...fieldsOf(entry['user']) }, absolute);
  return resolved as Entry;
}

function resolveUser(user: Fields, absolute: (value: unknown) => unknown): Fields {
  for (const key of ['client-certificate', 'client-key', 'tokenFile']) if (user[key] !== undefined) user[key] = absolute(user[key]);
  // The way in which client-node reads a token file again, as for a service account.
  if (typeof user['tokenFile'] === 'string' && user['tokenFile'] !== '') {
    user['auth-provider'] = { name: 'tokenFile', config: { tokenFile: user['tokenFile'] } };
    delete user['token'];
  }
  const exec = fieldsOf(user['exec']);
  if (typeof exec['command'] === 'string' && exec['command'].includes('/')) user['exec'] = { ...exec, command: absolute(exec['command']) };
  return user;
}

function isLoopbackHttp(server: unknown): boolean {
  if (typeof server !== 'string' || !URL.canParse(server)) return false;
  const { protocol, hostname } = new URL(server);
  return protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.'));
}

function isEntry(value: unknown): value is Entry {
  return typeof fieldsOf(value)['name'] === 'string';
}

function fieldsOf(value: unknown): Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : {};
}
