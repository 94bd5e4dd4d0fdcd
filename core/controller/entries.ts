import { type Condition, stamped, type Stamp } from './conditions.ts';
import { fieldsOf, listOf } from './fields.ts';
import { isSame } from './same.ts';

/** What is said of an object with regard to one other, such as a route's parent. */
export interface Said {
  readonly ref: object;
  readonly conditions: readonly Condition[];
}

/** A list to which several controllers write, each its own entries. */
export interface SharedList {
  /** Field of an entry that says of what it speaks. */
  readonly refField: 'parentRef' | 'ancestorRef';
  /** Longest that the list may be. */
  readonly most: number;
  readonly controllerName: string;
}

/**
 * The list as it ought to be: the entries of others as they are, then ours and no more of them. Entries of ours that find no room are left
 * out.
 */
export function entriesOf(present: unknown, wanted: readonly Said[], list: SharedList, stamp: Stamp): unknown[] {
  const { refField, most, controllerName } = list;
  const entries = listOf(present).map((entry) => ({ entry, fields: fieldsOf(entry) }));
  const ours = entries.filter(({ fields }) => fields['controllerName'] === controllerName);
  const others = entries.flatMap(({ entry, fields }) => (fields['controllerName'] === controllerName ? [] : [entry]));
  const added: { ref: object; entry: object }[] = [];
  for (const { ref, conditions } of wanted) {
    if (added.some((other) => isSame(other.ref, ref))) continue;
    const before = ours.find(({ fields }) => isSame(fields[refField], ref))?.fields['conditions'];
    added.push({ ref, entry: { [refField]: ref, controllerName, conditions: stamped(conditions, before, stamp) } });
  }
  return [...others, ...added.slice(0, Math.max(0, most - others.length)).map(({ entry }) => entry)];
}
