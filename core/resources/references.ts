import { ReferenceGrant } from './gateway-api/reference-grant.ts';
import { type GroupKind, groupOf, type Resource } from './kind.ts';
import { didYouMean } from './nearest.ts';
import type { ResourceSet } from './set.ts';

/** Told of what ReferenceGrants were asked for, and what they said. */
export type ReferencesObserver = (key: string, name: string, permitted: boolean) => void;

/** Resolves references between resources, across namespaces where a ReferenceGrant lets them. */
export class References {
  readonly set: ResourceSet;
  /** `fromGroup/fromKind/fromNamespace → toGroup/toKind/toNamespace` → names, or true for all. */
  readonly #grants = new Map<string, Set<string> | true>();
  readonly #observer: ReferencesObserver | undefined;

  constructor(set: ResourceSet, observer?: ReferencesObserver) {
    this.set = set;
    this.#observer = observer;
    for (const grant of set.all(ReferenceGrant)) {
      const { from, to } = grant.body.spec;
      for (const source of from) {
        for (const target of to) {
          const key = grantKey(source, source.namespace, target, grant.metadata.namespace);
          const names = this.#grants.get(key);
          if (target.name === undefined || names === true) this.#grants.set(key, true);
          else this.#grants.set(key, new Set([...(names ?? []), target.name]));
        }
      }
    }
  }

  /** Whether a resource of one namespace may name one of another; always in its own. */
  permitted(from: GroupKind, fromNamespace: string, to: GroupKind, toNamespace: string, name: string): boolean {
    if (fromNamespace === toNamespace) return true;
    const key = grantKey(from, fromNamespace, to, toNamespace);
    const permitted = this.granted(key, name);
    this.#observer?.(key, name, permitted);
    return permitted;
  }

  /** Whether ReferenceGrants let a name be named. @param key as an observer is told */
  granted(key: string, name: string): boolean {
    const names = this.#grants.get(key);
    return names === true || (names?.has(name) ?? false);
  }

  /** Why a reference leads nowhere, in one sentence. A kind's bare name stands for that kind of any group. */
  missing(kind: string | GroupKind, namespace: string, name: string): string {
    const target = `${typeof kind === 'string' ? kind : kind.kind} ${namespace}/${name}`;
    if (this.set.isInvalid(kind, namespace, name)) return `${target} has problems of its own`;
    return `there is no ${target}${didYouMean(name, this.set.names(kind, namespace))}`;
  }

  /** Why a reference across namespaces is not followed. */
  forbidden(from: GroupKind, fromNamespace: string, to: GroupKind, toNamespace: string, name: string): string {
    return (
      `${to.kind} ${toNamespace}/${name} is in another namespace, and no ReferenceGrant there lets ` +
      `${from.kind} of ${fromNamespace} name it`
    );
  }
}

function grantKey(from: GroupKind, fromNamespace: string, to: GroupKind, toNamespace: string): string {
  return `${from.group}/${from.kind}/${fromNamespace} ${to.group}/${to.kind}/${toNamespace}`;
}

/** Group and kind of a resource, for {@link References.permitted}. */
export function kindOf(resource: Pick<Resource, 'apiVersion' | 'kind'>): GroupKind {
  return { group: groupOf(resource.apiVersion), kind: resource.kind };
}
