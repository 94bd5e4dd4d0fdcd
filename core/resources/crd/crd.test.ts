import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as fc from 'fast-check';
import { expect, it } from 'vitest';

import { problemsOf } from '../ai-gateway/problems-of.ts';
import { KINDS } from '../kinds.ts';
import { TIERKIT_GROUP } from '../tierkit/group.ts';
import { faultsOf } from './api-server.fixture.ts';
import { crdOf, crdsYaml } from './crd.ts';
import { OWN_KINDS } from './own-kinds.ts';
import { SPECS } from './specs.fixture.ts';
import type { StructuralSchema } from './structural.ts';

const definitionOf = (kind: string) => OWN_KINDS.find(({ definition }) => definition.kind === kind)!.definition;

it('the file in the examples is what the code makes', () => {
  const file = join(import.meta.dirname, '../../../examples/kubernetes/crds.yaml');
  expect(readFileSync(file, 'utf8'), 'make it anew: node cli/tierkit.js crds > examples/kubernetes/crds.yaml').toBe(crdsYaml());
});

it('every kind that exists nowhere else has a definition', () => {
  const ours = KINDS.filter(({ group }) => group === TIERKIT_GROUP).map(({ kind }) => kind);
  expect(OWN_KINDS.map(({ definition }) => definition.kind)).toEqual(ours);
});

it('every field says what it is for', () => {
  const silent: string[] = [];
  const look = (schema: StructuralSchema, path: string): void => {
    for (const [name, field] of Object.entries(schema.properties ?? {})) {
      if (field.description === undefined) silent.push(`${path}.${name}`);
      look(field, `${path}.${name}`);
    }
    if (schema.items !== undefined) look(schema.items, `${path}[]`);
  };
  for (const own of OWN_KINDS) {
    const { versions } = crdOf(own).spec as { versions: { schema: { openAPIV3Schema: StructuralSchema } }[] };
    look(versions[0]!.schema.openAPIV3Schema.properties!['spec']!, own.definition.kind);
  }
  expect(silent).toEqual([]);
});

it.each(SPECS.filter(({ refused }) => refused === ''))('the API server takes a $kind: $what', ({ kind, spec }) => {
  expect(faultsOf(kind, { spec: structuredClone(spec) })).toEqual([]);
});

it.each(SPECS.filter(({ refused }) => refused !== ''))('the API server refuses a $kind at $refused: $what', ({ kind, spec, refused }) => {
  expect(faultsOf(kind, { spec: structuredClone(spec) })).toContain(refused);
});

it.each(SPECS)('our loader says of a $kind that it loads: $loads ($what)', ({ kind, spec, loads }) => {
  expect(problemsOf(definitionOf(kind), { spec: structuredClone(spec) }).length === 0).toBe(loads);
});

it('the API server refuses nothing that loads', () => {
  fc.assert(
    fc.property(fc.constantFrom(...SPECS), fc.array(edit, { maxLength: 4 }), ({ kind, spec }, edits) => {
      const changed = edits.reduce<unknown>((before, change) => edited(before, change), structuredClone(spec));
      if (problemsOf(definitionOf(kind), { spec: structuredClone(changed) }).length > 0) return;
      expect(faultsOf(kind, { spec: structuredClone(changed) })).toEqual([]);
    }),
    { numRuns: 2000 },
  );
});

/** A place in a value, and what comes there. */
interface Edit {
  readonly at: readonly number[];
  readonly value: unknown;
}

const VALUES = [
  '1',
  '0',
  '900719925.4740991',
  '0.00000010',
  'USD',
  'Client',
  'Header',
  'Soft',
  'Hard',
  'Ignore',
  'Closed',
  'Open',
  'x-team',
];
const DAYS = ['2026-01-01', '2026-02-28', '2024-02-29', '2026-12-31'];
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.array(fc.nat(20), { minLength: 1, maxLength: 5 }),
  value: fc.oneof(fc.constantFrom<unknown>(...VALUES, ...DAYS, 0, 1, 80, {}, [], undefined), fc.string(), fc.integer()),
});

/** A copy with another value at a place: the numbers choose among the fields that are there. */
function edited(value: unknown, { at: [first = 0, ...rest], value: replacement }: Edit): unknown {
  if (Array.isArray(value)) {
    if (value.length === 0) return [replacement];
    const index = first % value.length;
    return value.map((item: unknown, each) => (each === index ? edited(item, { at: rest, value: replacement }) : item));
  }
  if (typeof value !== 'object' || value === null) return replacement;
  const names = Object.keys(value);
  const name = names[first % names.length];
  if (name === undefined) return replacement;
  const field = (value as Record<string, unknown>)[name];
  const deeper = rest.length > 0 && typeof field === 'object' && field !== null;
  const { [name]: _, ...others } = value as Record<string, unknown>;
  if (!deeper && replacement === undefined) return others;
  return { ...others, [name]: deeper ? edited(field, { at: rest, value: replacement }) : replacement };
}
