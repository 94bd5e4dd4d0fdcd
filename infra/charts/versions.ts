import type { Model, Settings } from '../settings.ts';
import { TIER_TWO } from './names.ts';
import type { Manifest } from './part.ts';
import { modelMatch } from './routes.ts';

/** Asks tier two for a version by name, to try it before it gets any other request. */
export const VERSION_HEADER = 'x-tierkit-version';

/** A model whose name is that of its pool and pods. */
export interface Versions {
  readonly current: Model;
  /** Absent: there is no release. */
  readonly next?: Model;
}

/** What stands beside what: each version has a pool and pods of its own, so that ending a release starts none of them again. */
export function versionsOf({ release, ...model }: Model): Versions {
  const current = { ...model, name: versionName(model.name, model.version) };
  if (release === undefined) return { current };
  const { version, weight: _, ...own } = release;
  return { current, next: { ...model, ...own, name: versionName(model.name, version) } };
}

export function versionName(name: string, version: string | undefined): string {
  return version === undefined ? name : `${name}-${version}`;
}

export function listVersions(model: Model): Model[] {
  const { current, next } = versionsOf(model);
  return next === undefined ? [current] : [current, next];
}

/**
 * Shares the requests of a model out between two versions, while there is a release. Standard Gateway API, as an AIGatewayRoute may have one
 * pool only. The model's own route stays, and leads to the current version: with its method this one goes before it, and to delete it is
 * to roll back.
 * @param pools names of the InferencePools
 */
export function releaseRoute(
  { namespaces }: Settings,
  { name, namespace, model, loras, release }: Model,
  pools: { readonly current: string; readonly next: string },
): Manifest {
  const { version, weight } = release!;
  const matches = (...headers: object[]) =>
    [model, ...loras].map((each) => {
      const match = modelMatch(each);
      return { method: 'POST', headers: [...match.headers, ...headers] };
    });
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name: releaseRouteName(name), namespace },
    spec: {
      parentRefs: [{ group: 'gateway.networking.k8s.io', kind: 'Gateway', name: TIER_TWO, namespace: namespaces.tierTwo }],
      rules: [
        { matches: matches({ type: 'Exact', name: VERSION_HEADER, value: version }), backendRefs: [poolRef(pools.next)] },
        { matches: matches(), backendRefs: [poolRef(pools.current, 100 - weight), poolRef(pools.next, weight)] },
      ],
    },
  };
}

function poolRef(name: string, weight?: number): object {
  return { group: 'inference.networking.k8s.io', kind: 'InferencePool', name, ...(weight === undefined ? {} : { weight }) };
}

/** In the reference an AIGatewayRoute becomes an HTTPRoute of its own name: this one has another. */
export function releaseRouteName(name: string): string {
  return `${name}-release`;
}
