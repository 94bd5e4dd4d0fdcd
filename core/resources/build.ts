import { isObject } from '../is-object.ts';
import { groupOf, type KindDefinition, type Metadata, type Report, type Resource } from './kind.ts';
import { didYouMean } from './nearest.ts';
import { REFUSED_KINDS, WITHOUT_EFFECT } from './other-kinds.ts';
import type { Problem, Source } from './problem.ts';
import type { InvalidResource } from './set.ts';
import { KindRegistry } from './registry.ts';
import { validate } from './validate.ts';

/** What one document comes to: a resource, something without effect here, or problems. */
export interface Built {
  readonly resource: Resource | undefined;
  /** `Kind namespace/name` of a document that cannot change what a gateway does. */
  readonly ignored: string | undefined;
  /** Labels of a Namespace: listeners may choose namespaces by them. */
  readonly namespace: Pick<Metadata, 'name' | 'labels'> | undefined;
  readonly problems: readonly Problem[];
  /** Name of a document that has problems, as far as it can be told: references to it are no mistakes of their own. */
  readonly invalid: InvalidResource | undefined;
}

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Makes resources out of documents, for a given list of kinds. */
export class Builder {
  readonly #kinds: KindRegistry;

  constructor(kinds: readonly KindDefinition[]) {
    this.#kinds = new KindRegistry(kinds);
  }

  readonly build = (value: unknown, source: Source): Built => {
    const problems: Problem[] = [];
    const nothing: Built = { resource: undefined, ignored: undefined, namespace: undefined, problems, invalid: undefined };
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      problems.push({ source, resource: '', path: '', message: 'the document is no object with apiVersion, kind and metadata' });
      return nothing;
    }
    const { apiVersion, kind, metadata, status: _status, ...body } = value as Record<string, unknown>;
    const known = typeof kind === 'string' ? kind : '';
    const given = isObject(metadata) ? metadata : {};
    const label =
      typeof given['name'] === 'string'
        ? `${known} ${typeof given['namespace'] === 'string' ? `${given['namespace']}/` : ''}${given['name']}`
        : known;
    const report = (path: string, message: string) => void problems.push({ source, resource: label, path, message });

    if (typeof apiVersion !== 'string') report('apiVersion', 'is required');
    if (known === '') report('kind', 'is required');
    if (typeof apiVersion !== 'string' || known === '') return nothing;
    const group = groupOf(apiVersion);
    const version = apiVersion.slice(apiVersion.indexOf('/') + 1);
    if (WITHOUT_EFFECT.has(`${group}/${known}`)) {
      const namespace =
        known === 'Namespace' && typeof given['name'] === 'string'
          ? { name: given['name'], labels: stringMap(given['labels']) }
          : undefined;
      return { ...nothing, ignored: label, namespace };
    }
    const definition = this.#kinds.get(group, known);
    if (definition === undefined) {
      this.#reportUnknown(group, known, report);
      return nothing;
    }
    if (!definition.versions.includes(version)) {
      report('apiVersion', `version ${version} of ${known} is not read; ${apiVersions(definition).join(' or ')} is`);
      return { ...nothing, invalid: invalidOf(definition, given, body) };
    }
    const checked = checkMetadata(metadata, definition, report);
    dropNulls(body);
    const fits = validate(definition, body, report);
    if (checked === undefined || !fits) return { ...nothing, invalid: invalidOf(definition, given, body) };
    return { ...nothing, resource: { apiVersion, kind: known, metadata: checked, body, source } };
  };

  /** The same document at another place. */
  readonly move = (built: Built, source: Source): Built => ({
    ...built,
    resource: built.resource === undefined ? undefined : { ...built.resource, source },
    problems: built.problems.map((problem) => ({ ...problem, source })),
  });

  #reportUnknown(group: string, kind: string, report: Report): void {
    const refused = REFUSED_KINDS[`${group}/${kind}`];
    if (refused !== undefined) {
      report('kind', `${kind} is not supported: ${refused}`);
      return;
    }
    const sameName = this.#kinds.named(kind);
    if (sameName.length > 0) {
      const meant = sameName.map((definition) => apiVersions(definition)[0]).join(' or ');
      report('apiVersion', `${kind} of ${group === '' ? 'the core group' : group} is not known; did you mean ${meant}?`);
      return;
    }
    const names = [...this.#kinds.names(), ...[...WITHOUT_EFFECT].map((name) => name.slice(name.indexOf('/') + 1))];
    report('kind', `${kind}${group === '' ? '' : ` of ${group}`} is not known${didYouMean(kind, names)}`);
  }
}

function apiVersions({ group, versions }: KindDefinition): string[] {
  return versions.map((version) => (group === '' ? version : `${group}/${version}`));
}

function invalidOf(
  { group, kind, namespaced }: KindDefinition,
  { name, namespace }: Record<string, unknown>,
  { spec }: Record<string, unknown>,
): Built['invalid'] {
  if (typeof name !== 'string') return undefined;
  const { targetRefs, targetRef } = isObject(spec) ? spec : {};
  const targets = (Array.isArray(targetRefs) ? targetRefs : [targetRef]).flatMap((target: unknown) => {
    if (!isObject(target) || typeof target['kind'] !== 'string' || typeof target['name'] !== 'string') return [];
    const { kind: ofKind, name: ofName, sectionName } = target;
    return [{ kind: ofKind, name: ofName, sectionName: typeof sectionName === 'string' ? sectionName : undefined }];
  });
  return { group, kind, namespace: namespaced ? (typeof namespace === 'string' ? namespace : 'default') : '', name, targets, spec };
}

function checkMetadata(value: unknown, definition: KindDefinition, report: Report): Metadata | undefined {
  if (!isObject(value)) {
    report('metadata', 'is required');
    return undefined;
  }
  const { name, labels, annotations, creationTimestamp } = value;
  const namespace = value['namespace'] ?? undefined;
  if (typeof name === 'number' || typeof name === 'boolean') {
    report('metadata.name', `must be text, not ${JSON.stringify(name)}; put it into quotes`);
    return undefined;
  }
  if (typeof name !== 'string' || name === '') {
    report(
      'metadata.name',
      value['generateName'] === undefined ? 'is required' : 'is required: generateName makes names in a cluster only',
    );
    return undefined;
  }
  if (!NAME.test(name) || name.length > 253)
    report('metadata.name', `"${name}" is no name of a resource (a-z, 0-9, "-" and ".", up to 253)`);
  if (namespace !== undefined && (typeof namespace !== 'string' || !/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(namespace))) {
    report('metadata.namespace', `${JSON.stringify(namespace)} is no name of a namespace`);
    return undefined;
  }
  for (const [field, map] of [
    ['labels', labels],
    ['annotations', annotations],
  ] as const) {
    if (map !== undefined && map !== null && !(isObject(map) && Object.values(map).every((each) => typeof each === 'string'))) {
      report(`metadata.${field}`, 'must be a map of texts; put numbers and booleans into quotes');
    }
  }
  return {
    name,
    namespace: definition.namespaced ? (namespace ?? 'default') : '',
    labels: stringMap(labels),
    annotations: stringMap(annotations),
    creationTimestamp: typeof creationTimestamp === 'string' ? creationTimestamp : undefined,
  };
}

/** A field without a value (`hostnames:`) is an absent one, as in a cluster. */
function dropNulls(value: unknown): void {
  if (Array.isArray(value)) {
    for (const item of value) dropNulls(item);
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (item === null) delete value[key];
      else if (typeof item === 'object') dropNulls(item);
    }
  }
}

/** A map without a prototype: its keys are the user's. */
function stringMap(value: unknown): Record<string, string> {
  const result = Object.create(null) as Record<string, string>;
  if (isObject(value)) for (const [key, each] of Object.entries(value)) if (typeof each === 'string') result[key] = each;
  return result;
}
