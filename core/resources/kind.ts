import type { Source } from './problem.ts';
import type { Static, TSchema } from './schema.ts';

/** What every Kubernetes object says of itself. Fields that change nothing here (managedFields, ownerReferences, …) are not kept. */
export interface Metadata {
  readonly name: string;
  /** `default` where the document names none; empty for kinds that live outside namespaces. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** RFC 3339, when the document says it: Gateway API prefers the older of two routes that match alike. */
  readonly creationTimestamp: string | undefined;
}

/** One validated resource. `body` is the document without apiVersion, kind and metadata. */
export interface Resource<Body = unknown> {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Metadata;
  readonly body: Body;
  readonly source: Source;
}

/** Reports a problem at a path of the document, such as `spec.rules[2].name`. */
export type Report = (path: string, message: string) => void;

/** What a kind goes by: two groups may have a kind of one name. */
export interface GroupKind {
  /** Empty for core Kubernetes. */
  readonly group: string;
  readonly kind: string;
}

/** `group/Kind`. */
export function kindKey({ group, kind }: GroupKind): string {
  return `${group}/${kind}`;
}

export interface KindDefinition<S extends TSchema = TSchema> {
  readonly kind: string;
  /** API group; empty for core Kubernetes. */
  readonly group: string;
  /** Versions that are read, the preferred one first. All have this one shape. */
  readonly versions: readonly string[];
  /** False for GatewayClass and the like. */
  readonly namespaced: boolean;
  /**
   * Shape of the document without apiVersion, kind, metadata and status: usually `{spec}`. It holds the fields that are
   * served, with the CRD's types, bounds, enums and defaults. Everything else is refused, by {@link refused} or as unknown.
   */
  readonly schema: S;
  /**
   * Fields that the CRD has and Tierkit does not serve: path (with `[]` for items) → why, for a reader who wrote that
   * field. A path covers everything under it. This is the one list that `tierkit check --coverage` prints.
   */
  readonly refused: Readonly<Record<string, string>>;
  /** The CRD's CEL rules, and values that are valid there and not served here. Runs only on a document that fits the schema. */
  readonly rules?: (body: Static<S>, report: Report) => void;
}

/** Keeps the schema's type with the definition. */
export function defineKind<S extends TSchema>(definition: KindDefinition<S>): KindDefinition<S> {
  return definition;
}

/** `Resource` of a definition: `ResourceOf<typeof HTTPRoute>`. */
export type ResourceOf<D extends { readonly schema: TSchema }> = Resource<Static<D['schema']>>;

/** Group of an apiVersion; empty for `v1` of core Kubernetes. */
export function groupOf(apiVersion: string): string {
  const slash = apiVersion.indexOf('/');
  return slash === -1 ? '' : apiVersion.slice(0, slash);
}

/** Whether a resource is one of a definition, by group and kind. */
export function isOf<D extends KindDefinition>(definition: D, resource: Resource): resource is ResourceOf<D> {
  return resource.kind === definition.kind && groupOf(resource.apiVersion) === definition.group;
}

/** `Kind namespace/name`. */
export function nameOf(resource: { readonly kind: string; readonly metadata: Pick<Metadata, 'name' | 'namespace'> }): string {
  const { name, namespace } = resource.metadata;
  return namespace === '' ? `${resource.kind} ${name}` : `${resource.kind} ${namespace}/${name}`;
}

/** When a resource was made, in milliseconds since 1970; one without a date is the newest. */
export function bornAt({ metadata: { creationTimestamp } }: Pick<Resource, 'metadata'>): number {
  const time = creationTimestamp === undefined ? Number.NaN : Date.parse(creationTimestamp);
  return Number.isNaN(time) ? Number.MAX_SAFE_INTEGER : time;
}
