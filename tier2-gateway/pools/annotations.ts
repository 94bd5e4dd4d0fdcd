import { dirname, resolve } from 'node:path';

import type { InferencePool } from '#core/resources/inference/inference-pool';
import type { Report } from '#core/resources/kind';
import { didYouMean } from '#core/resources/nearest';

import { DnsSource, type DnsSettings } from './dns-source.ts';
import { endpointsOf, type EndpointSource, parseAddress, type PoolEndpoint } from './endpoint.ts';
import { FileSource } from './file-source.ts';
import { StaticSource } from './static-source.ts';

/** Annotations of an InferencePool that say where its endpoints are when no Kubernetes API does. At most one may stand there. */
export const ENDPOINTS = 'tierkit.dev/endpoints';
export const ENDPOINTS_FILE = 'tierkit.dev/endpoints-file';
export const ENDPOINTS_DNS = 'tierkit.dev/endpoints-dns';
const NAMES = [ENDPOINTS, ENDPOINTS_FILE, ENDPOINTS_DNS];

const DNS_NAME = /^(?=.{1,253}$)[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]{0,61}[a-z0-9_])?)*\.?$/i;

export type SourceSettings =
  | { readonly type: 'static'; readonly endpoints: readonly PoolEndpoint[] }
  | { readonly type: 'file'; readonly file: string }
  | { readonly type: 'dns'; readonly name: string };

/**
 * What the annotations of a pool say, for `tierkit check` as for the gateway.
 * @returns undefined where they say nothing, or nothing that is right: then `report` has the reason
 */
export function readAnnotations(pool: InferencePool, report: Report): SourceSettings | undefined {
  const { annotations } = pool.metadata;
  for (const name of Object.keys(annotations)) {
    if (name.startsWith(ENDPOINTS) && !NAMES.includes(name))
      report(`metadata.annotations[${name}]`, `is no annotation of a pool${didYouMean(name, NAMES)}`);
  }
  const present = NAMES.filter((name) => annotations[name] !== undefined);
  const [name] = present;
  if (name === undefined) return undefined;
  const at = `metadata.annotations[${name}]`;
  if (present.length > 1) {
    report(at, `only one of ${present.join(', ')} may be there: a pool has one list of endpoints`);
    return undefined;
  }
  const value = annotations[name]!.trim();
  if (name === ENDPOINTS_FILE) {
    if (value !== '') return { type: 'file', file: resolve(dirname(pool.source.file), value) };
    report(at, 'is empty, and is the path of a file');
    return undefined;
  }
  if (name === ENDPOINTS_DNS) {
    if (DNS_NAME.test(value)) return { type: 'dns', name: value };
    report(at, `${JSON.stringify(value)} is no DNS name; the ports are the pool's targetPorts`);
    return undefined;
  }
  const endpoints = readList(value, portsOf(pool), (message) => report(at, message));
  return endpoints === undefined ? undefined : { type: 'static', endpoints };
}

/** @param onProblem of files and names that cannot be read later on */
export function sourceOf(
  settings: SourceSettings,
  pool: InferencePool,
  onProblem: (message: string) => void,
  dns: Partial<DnsSettings> = {},
): EndpointSource {
  if (settings.type === 'static') return new StaticSource(settings.endpoints);
  if (settings.type === 'file') return new FileSource(settings.file, portsOf(pool), onProblem);
  return new DnsSource(settings.name, portsOf(pool), onProblem, dns);
}

export function portsOf(pool: InferencePool): number[] {
  return pool.body.spec.targetPorts.map(({ number }) => number);
}

function readList(value: string, ports: readonly number[], report: (message: string) => void): PoolEndpoint[] | undefined {
  const endpoints = new Map<string, PoolEndpoint>();
  let valid = true;
  const fail = (message: string): void => {
    valid = false;
    report(message);
  };
  for (const item of value.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    try {
      const { address, port } = parseAddress(item);
      for (const endpoint of endpointsOf({ address, labels: {}, ready: true, terminating: false }, port === undefined ? ports : [port])) {
        if (endpoints.has(endpoint.id)) fail(`${endpoint.id} stands here twice`);
        endpoints.set(endpoint.id, endpoint);
      }
    } catch (error) {
      fail((error as Error).message);
    }
  }
  if (valid && endpoints.size === 0) fail('is empty, and is a list such as "127.0.0.1:8000,127.0.0.1:8001"');
  return valid ? [...endpoints.values()] : undefined;
}
