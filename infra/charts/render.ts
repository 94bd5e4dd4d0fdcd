import { dump } from 'js-yaml';

import type { ClusterName, Settings } from '../settings.ts';
import type { Manifest, Part, SecretNeed, SecretSource } from './part.ts';
import { platform } from './platform.ts';

/**
 * A platform as files, for those who apply it themselves or by GitOps: one for each part, in the order in which they are applied (of two
 * clusters, in a folder of each), and `NOTES.txt`, which says what no file can have: Secrets, and addresses that are known later.
 */
export function render(settings: Settings): Map<string, string> {
  const parts = platform(settings);
  const folder = (cluster: ClusterName) => (settings.topology === 'one-cluster' ? '' : `${cluster}/`);
  const files = parts.map((part, index): [string, string] => [
    `${folder(part.cluster)}${String(index + 1).padStart(2, '0')}-${part.name}.yaml`,
    part.manifests.map(yaml).join('---\n'),
  ]);
  return new Map([...files, ['NOTES.txt', notes(parts)]]);
}

/** One document, its fields in the order in which people look for them. */
export function yaml({ apiVersion, kind, metadata, ...rest }: Manifest): string {
  return dump({ apiVersion, kind, metadata, ...rest }, { lineWidth: 140, noRefs: true });
}

function notes(parts: readonly Part[]): string {
  const secrets = parts.flatMap(({ secrets }) => secrets);
  const late = parts.flatMap((part) => part.late.map((object) => ({ part, object })));
  const awaited = parts.flatMap(({ name, awaited: all }) => all.map((each) => ({ name, each })));
  return [
    'Apply the files in their order; a part needs those before it:',
    ...parts.filter(({ needs }) => needs.length > 0).map(({ name, needs }) => `  ${name}: after ${needs.join(', ')}`),
    ...(awaited.length === 0 ? [] : ['', 'Wait for:']),
    ...awaited.map(
      ({ each: { kind, namespace, name, condition } }) => `  kubectl -n ${namespace} wait --for=condition=${condition} ${kind}/${name}`,
    ),
    '',
    'Secrets that have to be there:',
    ...secrets.flatMap(secretLines),
    ...(late.length === 0 ? [] : ['', 'Objects with an address that is known once another part stands (Pulumi makes them by itself):']),
    ...late.flatMap(({ part, object: { address, manifest } }) => [
      `  in the cluster of ${part.name}, where HOST is that of ${address.of} ${address.namespace}/${address.name} (cluster ${address.cluster}):`,
      ...yaml(manifest('HOST'))
        .trimEnd()
        .split('\n')
        .map((line) => `    ${line}`),
    ]),
    '',
  ].join('\n');
}

function secretLines({ namespace, name, values, existing, type }: SecretNeed): string[] {
  const head = `  ${namespace}/${name}${type === undefined ? '' : ` (${type})`}${existing === true ? ', made by others' : ''}`;
  return [head, ...Object.entries(values).map(([key, source]) => `    ${key}: ${sourceText(source)}`)];
}

function sourceText(source: SecretSource): string {
  switch (source.from) {
    case 'config':
      return `the value of ${source.path} (${source.key})`;
    case 'file':
      return `the content of ${source.file}`;
    case 'private-key':
      return `Ed25519 private key of ${source.pair}, PKCS #8 in PEM`;
    case 'public-keys':
      return `JWK set with the public keys of ${source.pairs.join(', ')}; "kid" is the pair's name`;
    case 'generated':
      return `a random text of 40 letters and digits (${source.name})`;
    case 'template':
      return `${JSON.stringify(source.text)}, with the random text of that name in the place of each \${…}`;
    case 'existing':
      return 'whatever they put there';
  }
}
