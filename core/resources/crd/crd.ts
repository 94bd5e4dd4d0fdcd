import { dump } from 'js-yaml';

import { STATUS } from './condition.ts';
import { OWN_KINDS, type OwnKind, type PrinterColumn } from './own-kinds.ts';
import { structural, type StructuralSchema } from './structural.ts';

/** A CustomResourceDefinition of apiextensions.k8s.io/v1. */
export interface Crd {
  readonly apiVersion: 'apiextensions.k8s.io/v1';
  readonly kind: 'CustomResourceDefinition';
  readonly metadata: { readonly name: string; readonly labels: Readonly<Record<string, string>> };
  readonly spec: object;
  readonly [field: string]: unknown;
}

const COLUMNS: readonly PrinterColumn[] = [
  { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
  { name: 'Reason', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].reason', priority: 1 },
  { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
];

/** The definition of a kind of ours, made of the schema that the gateway checks it with. */
export function crdOf({ definition, plural, shortNames, description, columns, additions }: OwnKind): Crd {
  const { group, kind, versions, namespaced, schema } = definition;
  const { properties, required } = structural(schema, additions);
  const openAPIV3Schema: StructuralSchema = {
    description,
    type: 'object',
    ...(required === undefined ? {} : { required }),
    properties: { apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { type: 'object' }, ...properties, status: STATUS },
  };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}`, labels: { 'app.kubernetes.io/name': 'tierkit' } },
    spec: {
      group,
      names: { kind, listKind: `${kind}List`, plural, singular: kind.toLowerCase(), shortNames, categories: ['tierkit'] },
      scope: namespaced ? 'Namespaced' : 'Cluster',
      versions: versions.map((name, index) => ({
        name,
        served: true,
        // The first one is preferred; all have one shape.
        storage: index === 0,
        subresources: { status: {} },
        additionalPrinterColumns: [...columns, ...COLUMNS],
        schema: { openAPIV3Schema },
      })),
    },
  };
}

/** What the generated file begins with. */
const HEAD = '# Made by "tierkit crds": change the schemas in core/resources/tierkit, not this file.\n';

/** The definitions as YAML, to be applied. @param kinds @default all of ours */
export function crdsYaml(kinds: readonly OwnKind[] = OWN_KINDS): string {
  return HEAD + kinds.map((kind) => `---\n${dump(crdOf(kind), { noRefs: true, lineWidth: -1 })}`).join('');
}
