import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { load, loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { KINDS } from '#core/resources/kinds';
import { OWN_KINDS } from '#core/resources/crd/own-kinds';
import { REFERENCED } from '#core/resources/cluster-load';
import type { KindDefinition } from '#core/resources/kind';

interface Rule {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly verbs: readonly string[];
}

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules?: readonly Rule[];
  readonly roleRef?: { readonly kind: string; readonly name: string };
  readonly subjects?: readonly { readonly name: string }[];
  readonly spec?: { readonly template: { readonly spec: PodSpec } };
}

interface PodSpec {
  readonly serviceAccountName: string;
  readonly containers: readonly { readonly image: string; readonly args: readonly string[] }[];
}

const textOf = (file: string): string => readFileSync(join(import.meta.dirname, file), 'utf8');
const manifests = (file: string): Manifest[] => loadAll(textOf(file)) as Manifest[];
const access = manifests('access.yaml');

/** `verb group/resource` of all that an account may do. */
function rightsOf(account: string): Set<string> {
  const roles = access
    .filter(({ kind, subjects }) => kind.endsWith('Binding') && subjects!.some(({ name }) => name === account))
    .map(({ roleRef }) => roleRef!);
  const rules = roles.flatMap((ref) => access.find(({ kind, metadata }) => kind === ref.kind && metadata.name === ref.name)!.rules!);
  return new Set(
    rules.flatMap(({ apiGroups, resources, verbs }) =>
      apiGroups.flatMap((group) => resources.flatMap((each) => verbs.map((verb) => `${verb} ${group}/${each}`))),
    ),
  );
}

const BY_REFERENCE: readonly KindDefinition[] = REFERENCED;
const ACCOUNTS = ['tierkit', 'tier-one', 'tier-two', 'controller'];
const READS = new Set(['get', 'list', 'watch']);

describe('access.yaml', () => {
  it.each(ACCOUNTS)('lets %s read every kind', (account) => {
    const rights = rightsOf(account);
    for (const { kind, group } of KINDS) {
      const lower = kind.toLowerCase();
      const plural =
        lower.endsWith('y') && !lower.endsWith('ay') ? `${lower.slice(0, -1)}ies` : lower.endsWith('s') ? `${lower}es` : `${lower}s`;
      for (const verb of READS) expect(rights).toContain(`${verb} ${group}/${plural}`);
    }
  });

  it('lets tiers beside a controller write nothing, and nobody write what is read by name', () => {
    for (const account of ['tier-one', 'tier-two'])
      expect([...rightsOf(account)].filter((right) => !READS.has(right.split(' ')[0]!))).toEqual([]);
    for (const account of ACCOUNTS) {
      const written = [...rightsOf(account)].filter((right) => !READS.has(right.split(' ')[0]!));
      for (const { kind } of BY_REFERENCE) expect(written.join()).not.toContain(`/${kind.toLowerCase()}s`);
    }
  });

  it('lets only tier two read pods, and a controller write all that a tier by itself may', () => {
    expect(ACCOUNTS.filter((account) => rightsOf(account).has('list /pods'))).toEqual(['tierkit', 'tier-two']);
    const controller = rightsOf('controller');
    const alone = [...rightsOf('tierkit')].filter((right) => !READS.has(right.split(' ')[0]!));
    expect(alone.filter((right) => !controller.has(right))).toEqual([]);
    expect(alone).toEqual(expect.arrayContaining(OWN_KINDS.map(({ plural }) => `patch tierkit.dev/${plural}/status`)));
    for (const right of ['create /services', 'delete /services', 'update coordination.k8s.io/leases']) expect(controller).toContain(right);
  });
});

describe('kustomization.yaml', () => {
  interface Change {
    readonly op: string;
    readonly path: string;
    readonly value?: string;
  }
  const { patches } = load(textOf('kustomization.yaml')) as { patches: { target: { name: string }; patch: string }[] };

  it.each(['tier-one', 'tier-two'])('takes from %s what makes it write, and nothing else', (tier) => {
    const deployment = manifests(`${tier}.yaml`).find(({ kind }) => kind === 'Deployment')!;
    const { args } = deployment.spec!.template.spec.containers[0]!;
    const changes = load(patches.find(({ target }) => target.name === tier)!.patch) as Change[];
    const removed = changes.filter(({ op }) => op === 'remove').map(({ path }) => args[Number(path.split('/').at(-1))]);
    expect(removed).toEqual([args.find((arg) => arg.startsWith('--gateway-pods='))]);
    expect(changes.find(({ op }) => op === 'test')!.value).toBe(removed[0]);
    expect(changes.find(({ path }) => path.endsWith('serviceAccountName'))!.value).toBe(tier);
    expect(ACCOUNTS).toContain(tier);
  });

  it('the controller leads to the pods that the tiers have by themselves', () => {
    const { args } = manifests('controller.yaml')[0]!.spec!.template.spec.containers[0]!;
    for (const tier of ['tier-one', 'tier-two']) {
      const deployment = manifests(`${tier}.yaml`).find(({ kind }) => kind === 'Deployment')!;
      const own = deployment.spec!.template.spec.containers[0]!.args.find((arg) => arg.startsWith('--gateway-pods='))!;
      expect(args).toContain(own.replace('--gateway-pods', `--${tier}-gateway-pods`));
    }
  });
});
