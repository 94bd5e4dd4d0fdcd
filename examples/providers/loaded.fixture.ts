// For tests: a provider's file as it is, but for where its backend is.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';

import type { TierKeys } from '#core/tiers/keys';

import { TierOne } from '../../gateway/main.ts';
import type { Started } from './fake.fixture.ts';

export interface Document {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec?: Readonly<Record<string, unknown>>;
  readonly stringData?: Readonly<Record<string, string>>;
}

export const read = (file: string): string => readFileSync(join(import.meta.dirname, `${file}.yaml`), 'utf8');
export const documents = (file: string): Document[] => loadAll(read(file)) as Document[];

const CA = 'certificate-of-the-test';

/**
 * The file with its Backends at another address, whose certificate is of the provider's name and is trusted in place of the system's
 * authorities. Nothing else is changed.
 */
function elsewhere(file: string, { port, certificate }: Started): string {
  const moved: object[] = documents(file).map((each) => {
    if (each.kind === 'Backend') return { ...each, spec: { endpoints: [{ ip: { address: '127.0.0.1', port } }] } };
    if (each.kind !== 'BackendTLSPolicy') return each;
    const { wellKnownCACertificates, ...validation } = each.spec!['validation'] as Readonly<Record<string, unknown>>;
    if (wellKnownCACertificates !== 'System') throw new Error('the authorities of the system are not what is trusted');
    return {
      ...each,
      spec: { ...each.spec, validation: { ...validation, caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: CA }] } },
    };
  });
  const metadata = { name: CA, namespace: 'default' };
  if (certificate !== undefined) moved.push({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { 'ca.crt': certificate.cert } });
  return moved.map((each) => JSON.stringify(each)).join('\n---\n');
}

export interface Loaded {
  readonly url: string;
  readonly adminUrl: string;
  readonly accessLog: Record<string, unknown>[];
  close(): Promise<void>;
}

/** Starts tier one with a provider's file whose backend is a server of this machine. @throws InvalidResources */
export async function startWith(file: string, fake: Started, env: Readonly<Record<string, string>>, keys?: TierKeys): Promise<Loaded> {
  const accessLog: Record<string, unknown>[] = [];
  const tier = new TierOne({
    sources: {
      paths: [join(import.meta.dirname, 'gateway.yaml')],
      texts: [{ file: `${file}.yaml`, text: elsewhere(file, fake) }],
      env,
    },
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: 0,
    ...(keys === undefined ? {} : { keys }),
    accessLog: (line) => void accessLog.push(JSON.parse(JSON.stringify(line)) as Record<string, unknown>),
    log: () => undefined,
  });
  await tier.start();
  return {
    url: `http://127.0.0.1:${[...tier.ports.values()][0]}`,
    adminUrl: `http://127.0.0.1:${tier.adminPort}`,
    accessLog,
    close: () => tier.stop(),
  };
}
