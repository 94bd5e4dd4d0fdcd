import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { loadAll } from 'js-yaml';
import { expect, it } from 'vitest';

import { type AccessRule, namedReader, POD_RULES, READ_RULES, STATUS_RULES, WRITE_RULES } from './rbac.ts';

interface RoleObject {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly rules: readonly AccessRule[];
}

const examples = loadAll(readFileSync(join(import.meta.dirname, '../../examples/kubernetes/access.yaml'), 'utf8')) as readonly RoleObject[];

/** `verb group/resource`, of all rules. */
function rights(rules: readonly AccessRule[]): string[] {
  const all = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((resource) => verbs.map((verb) => `${verb} ${group}/${resource}`))),
  );
  return [...new Set(all)].sort();
}

it.each([
  ['tierkit-read', READ_RULES],
  ['tierkit-read-pods', POD_RULES],
  ['tierkit-write-status', STATUS_RULES],
  ['tierkit-write', WRITE_RULES],
])('the rights of %s are those of examples/kubernetes, without all Secrets and ConfigMaps', (name, rules) => {
  const role = examples.find(({ kind, metadata }) => kind.endsWith('Role') && metadata.name === name)!;
  expect(rights(rules)).toEqual(rights(role.rules).filter((right) => !/ \/(secrets|configmaps)$/.test(right)));
});

it('a right without names is never made of an empty list of them', () => {
  expect(namedReader([], [])).toEqual([]);
  expect(namedReader(['b', 'a', 'b'], [])).toEqual([
    { apiGroups: [''], resources: ['secrets'], resourceNames: ['a', 'b'], verbs: ['get', 'list', 'watch'] },
  ]);
});
