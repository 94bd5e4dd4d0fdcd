import type { KindDefinition, Metadata, ResourceOf } from '../kind.ts';
import type { ResourceSet } from '../set.ts';

/**
 * Resources of a kind that moved from one group to another. The set keeps each under the group of its document, so that problems name
 * what the author wrote; readers go through these functions. Of one name in both groups the current group's resource is the one, and
 * `checkInferenceReferences` reports the other.
 */
export function ofBothGroups<D extends KindDefinition>(set: ResourceSet, current: D, former: D): ResourceOf<D>[] {
  const replaced = ({ metadata: { namespace, name } }: ResourceOf<D>) => set.get(current, namespace, name) !== undefined;
  return [...set.all(current), ...set.all(former).filter((resource) => !replaced(resource))];
}

/** The one of a name, as {@link ofBothGroups} has it. */
export function firstOfBothGroups<D extends KindDefinition>(
  set: ResourceSet,
  current: D,
  former: D,
  { namespace, name }: Pick<Metadata, 'namespace' | 'name'>,
): ResourceOf<D> | undefined {
  return set.get(current, namespace, name) ?? set.get(former, namespace, name);
}
