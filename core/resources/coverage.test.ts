import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';

import { coverageOf, differentDefaults } from './coverage.ts';
import { defineKind, type GroupKind, type KindDefinition } from './kind.ts';
import { KINDS } from './kinds.ts';
import { object, oneOf, Type } from './schema.ts';

interface CustomResourceDefinition {
  readonly kind: 'CustomResourceDefinition';
  readonly spec: {
    readonly group: string;
    readonly names: { readonly kind: string };
    readonly versions: readonly {
      readonly name: string;
      readonly served: boolean;
      readonly schema: { readonly openAPIV3Schema: unknown };
    }[];
  };
}

/**
 * Fields of the experimental channel of Gateway API, which people write and the CRDs of the standard channel do not have. The
 * test fails as well when a CRD gets one of them, so that nothing stays here that the CRDs can vouch for.
 */
const EXPERIMENTAL: Readonly<Record<string, readonly string[]>> = {
  'gateway.networking.k8s.io/Gateway': ['spec.defaultScope'],
  'gateway.networking.k8s.io/HTTPRoute': [
    'spec.rules[].backendRefs[].filters[].externalAuth',
    'spec.rules[].filters[].externalAuth',
    'spec.rules[].sessionPersistence',
    'spec.useDefaultGateways',
  ],
};

const named = process.env['TIERKIT_CRDS'];
const folder = named ?? fileURLToPath(new URL('../../../shared/crds', import.meta.url));
const present = existsSync(folder);
const crds = present ? readCrds(folder) : [];

if (!present) {
  console.warn('coverage.test.ts: skipped the comparison with real CRDs; name a folder of their YAML files in TIERKIT_CRDS');
}

it('has real CRDs to compare with, where they are asked for', () => {
  if (named === undefined && process.env['REQUIRE_REAL'] !== '1' && !present) return;
  expect(present, `${folder} is missing`).toBe(true);
  expect(crds.map((crd) => crd.spec.names.kind)).toEqual(expect.arrayContaining(['HTTPRoute', 'Gateway', 'InferencePool']));
});

it('registers every kind of a group once, in the order of their names', () => {
  const names = KINDS.map((definition) => definition.kind);
  expect(names).toEqual([...names].sort());
  expect(KINDS.map(nameOfKind)).toEqual([...new Set(KINDS.map(nameOfKind))]);
});

it('names the group to prefer first, where two have a kind of one name', () => {
  const groups = Map.groupBy(KINDS, ({ kind }) => kind);
  const shared = [...groups].filter(([, definitions]) => definitions.length > 1);
  const both = ['llm-d.ai', 'inference.networking.x-k8s.io'];
  expect(shared.map(([kind, definitions]) => [kind, ...definitions.map(({ group }) => group)])).toEqual([
    ['InferenceModelRewrite', ...both],
    ['InferenceObjective', ...both],
  ]);
});

const pairs = KINDS.flatMap((definition) => {
  const crd = crds.find(({ spec }) => spec.group === definition.group && spec.names.kind === definition.kind);
  return crd === undefined ? [] : [{ kind: nameOfKind(definition), definition, crd }];
});

// Kinds of core Kubernetes have no CRD.
const without = KINDS.filter(({ group, kind }) => group !== '' && !pairs.some((pair) => pair.kind === nameOfKind({ group, kind })));
if (present && without.length > 0) {
  console.warn(`coverage.test.ts: skipped ${without.map(nameOfKind).join(', ')}; put their CRDs into the folder that TIERKIT_CRDS names`);
}

describe.each(pairs)('$kind and its CRD', ({ definition, crd }) => {
  const { versions } = crd.spec;
  const compared = versions.filter((version) => version.served || definition.versions.includes(version.name));

  it('reads every version that is served', () => {
    expect(definition.versions).toEqual(expect.arrayContaining(versions.filter((version) => version.served).map(({ name }) => name)));
  });

  it.each(compared)('serves or refuses each field of $name', ({ schema }) => {
    const { served, missing } = coverageOf(definition, schema.openAPIV3Schema);
    expect(missing).toEqual([]);
    expect(served).not.toEqual([]);
  });

  it.each(compared)('has the defaults of $name', ({ schema }) => {
    expect(differentDefaults(definition, schema.openAPIV3Schema)).toEqual([]);
  });

  it('refuses no field that no version has', () => {
    const [first = [], ...others] = compared.map(({ schema }) => coverageOf(definition, schema.openAPIV3Schema).unknown);
    const unknown = first.filter((path) => others.every((other) => other.includes(path)));
    expect(unknown.sort()).toEqual(EXPERIMENTAL[nameOfKind(definition)] ?? []);
  });
});

function nameOfKind({ group, kind }: GroupKind): string {
  return group === '' ? kind : `${group}/${kind}`;
}

function readCrds(root: string): CustomResourceDefinition[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.ya?ml$/.test(name))
    .map((name) => join(root, name))
    .filter((file) => statSync(file).isFile())
    .flatMap((file) => loadAll(readFileSync(file, 'utf8')) as ({ kind?: string } | null)[])
    .filter((document): document is CustomResourceDefinition => document?.kind === 'CustomResourceDefinition');
}

function kind(schema: KindDefinition['schema'], refused: Record<string, string> = {}): KindDefinition {
  return defineKind({ kind: 'Thing', group: 'example.com', versions: ['v1'], namespaced: true, schema, refused });
}

describe('coverageOf', () => {
  const crd = {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      status: { type: 'object', properties: { ready: { type: 'boolean' } } },
      spec: {
        type: 'object',
        properties: {
          mode: { type: 'string', enum: ['Fast', 'Slow', 'Odd'], default: 'Fast' },
          labels: { type: 'object', additionalProperties: { type: 'string' } },
          names: { type: 'array', items: { type: 'string' } },
          rules: {
            type: 'array',
            items: {
              type: 'object',
              properties: { weight: { type: 'integer', default: 1 }, tls: { type: 'object', properties: { a: {} } } },
            },
          },
          raw: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
          port: { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true },
        },
      },
    },
  };

  it('sorts the leaves into served, refused and missing, and leaves out what is not the kind’s own', () => {
    const definition = kind(
      object({
        spec: object({
          mode: oneOf(['Fast'], { default: 'Fast' }),
          names: Type.Optional(Type.Array(Type.String())),
          rules: Type.Optional(Type.Array(object({ weight: Type.Integer({ default: 1 }) }))),
        }),
      }),
      { 'spec.mode=Slow': 'too slow', 'spec.rules[].tls': 'no TLS', 'spec.raw': 'not read' },
    );
    expect(coverageOf(definition, crd)).toEqual({
      served: ['spec.mode', 'spec.names[]', 'spec.rules[].weight'],
      refused: [
        { path: 'spec.mode=Slow', reason: 'too slow' },
        { path: 'spec.rules[].tls.a', reason: 'no TLS' },
        { path: 'spec.raw', reason: 'not read' },
      ],
      missing: ['spec.mode=Odd', 'spec.labels', 'spec.port'],
      unknown: [],
    });
  });

  it('finds stale entries of the refused list, below free fields too far down to know', () => {
    const refused = {
      'spec.gone': '',
      'spec.rules[].gone': '',
      'spec.rules.weight': '',
      'spec.gone.mode=Fast': '',
      'spec.raw.deep.down': '',
    };
    const { unknown } = coverageOf(kind(object({ spec: Type.Unknown() }), refused), crd);
    expect(unknown).toEqual(['spec.gone', 'spec.rules[].gone', 'spec.rules.weight', 'spec.gone.mode']);
  });

  it('takes a field that may be anything, and the alternatives of a union, for what they are', () => {
    const anything = coverageOf(kind(object({ spec: Type.Unknown() })), crd);
    expect(anything.missing).toEqual([]);
    const union = Type.Union([object({ mode: oneOf(['Fast']) }), object({ mode: oneOf(['Slow']), port: Type.Integer() })]);
    expect(coverageOf(kind(object({ spec: union })), crd).missing).toEqual([
      'spec.mode=Odd',
      'spec.labels',
      'spec.names[]',
      'spec.rules[].weight',
      'spec.rules[].tls.a',
      'spec.raw',
    ]);
    const conditions = Type.Unsafe({ ...object({ mode: oneOf(['Fast']) }), anyOf: [{ required: ['mode'] }] });
    expect(coverageOf(kind(object({ spec: conditions })), crd).missing).toContain('spec.labels');
  });

  it('compares defaults in both directions', () => {
    const definition = kind(
      object({ spec: object({ mode: oneOf(['Fast']), names: Type.Array(Type.String(), { default: ['x'] }), labels: Type.Unknown() }) }),
    );
    expect(differentDefaults(definition, crd)).toEqual([
      { path: 'spec.mode', crd: 'Fast', ours: undefined },
      { path: 'spec.names', crd: undefined, ours: ['x'] },
    ]);
  });
});
