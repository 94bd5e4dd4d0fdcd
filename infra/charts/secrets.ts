import type { SecretReference } from '../settings.ts';
import type { Manifest, SecretNeed, SecretSource } from './part.ts';

export interface WantedSecret {
  readonly namespace: string;
  readonly name: string;
  readonly key: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly reference: SecretReference;
  /** Of the setting. */
  readonly path: string;
}

/** The source of one value; of `existing` and `external` others make the Secret. */
export function sourceOf(reference: SecretReference, path: string): SecretSource {
  switch (reference.from) {
    case 'config':
      return { from: 'config', key: reference.key, path };
    case 'file':
      return { from: 'file', file: reference.path, path };
    case 'existing':
    case 'external':
      return { from: 'existing' };
  }
}

export function secretNeed({ namespace, name, key, labels, reference, path }: WantedSecret): SecretNeed {
  const source = sourceOf(reference, path);
  return { namespace, name, labels, values: { [key]: source }, ...(source.from === 'existing' ? { existing: true } : {}) };
}

/** The object of the External Secrets Operator that makes a Secret; nothing for others. */
export function externalSecrets({ namespace, name, key, labels, reference }: WantedSecret): Manifest[] {
  if (reference.from !== 'external') return [];
  return [
    {
      apiVersion: 'external-secrets.io/v1',
      kind: 'ExternalSecret',
      metadata: { name, namespace, labels },
      spec: {
        refreshInterval: '1h',
        secretStoreRef: { name: reference.store, kind: reference.storeKind },
        target: { name },
        data: [{ secretKey: key, remoteRef: { key: reference.key } }],
      },
    },
  ];
}
