import { scanValue } from './scan.ts';
import type { JsonMember, JsonObjectScan } from './scan.ts';

/** A change of one top-level member. `value` is JSON text: `'"gpt-4o"'`, not `'gpt-4o'`. */
export type Edit = { readonly set: string; readonly value: Buffer | string } | { readonly remove: string };

/**
 * The object with the edits made, and every other byte as it was: unknown members, order, white space, the way
 * numbers are written.
 *
 * The last edit of a name is the one that counts. Setting a member replaces its value where it stands; setting an
 * absent one appends it, in the order in which the edits first name them. Removing a member takes one comma with it.
 * A name that occurs several times is set, or removed, at every occurrence.
 *
 * @returns the scanned buffer itself when nothing changes
 * @throws JsonSyntaxError when a value is not JSON, or would nest the object deeper than the scan allowed
 *
 * @example editObject(scan, [{ set: 'model', value: '"gpt-4o"' }, { remove: 'store' }])
 */
export function editObject(scan: JsonObjectScan, edits: readonly Edit[]): Buffer {
  if (edits.length === 0) return scan.bytes;
  const values = finalValues(edits, scan.maxDepth - 1);
  const { bytes, members } = scan;
  const pieces: Buffer[] = [];
  let changed = false;
  /** Bytes before this offset have been copied or dropped. */
  let done = 0;
  const replace = (start: number, end: number, by?: Buffer): void => {
    if (start > done) pieces.push(bytes.subarray(done, start));
    if (by !== undefined) pieces.push(by);
    done = end;
    changed = true;
  };

  const isKept = (member: JsonMember): boolean => values.get(member.name) !== removed;
  const lastKept = members.findLastIndex(isKept);
  for (let index = 0; index <= lastKept; index++) {
    const member = members[index]!;
    const value = values.get(member.name);
    // A removed member in front of a kept one goes with the comma behind it.
    if (value === removed) replace(member.start, members[index + 1]!.start);
    else if (value !== undefined) replace(member.valueStart, member.end, value);
  }

  // Appended members come straight behind the last kept one; the removed ones behind that go with the comma before them.
  const kept = members[lastKept];
  const appendAt = kept?.end ?? members[0]?.start ?? scan.open + 1;
  let comma = kept === undefined ? '' : ',';
  for (const [name, value] of values) {
    if (value === removed || scan.has(name)) continue;
    replace(appendAt, appendAt, Buffer.from(`${comma}${JSON.stringify(name)}:`));
    pieces.push(value);
    comma = ',';
  }
  if (lastKept < members.length - 1) replace(appendAt, members.at(-1)!.end);

  if (!changed) return bytes;
  pieces.push(bytes.subarray(done));
  return Buffer.concat(pieces);
}

/** Stands for "no value: remove the member". */
const removed = Symbol('removed');

function finalValues(edits: readonly Edit[], maxDepth: number): Map<string, Buffer | typeof removed> {
  const values = new Map<string, Buffer | typeof removed>();
  for (const edit of edits) {
    if ('remove' in edit) {
      values.set(edit.remove, removed);
      continue;
    }
    const value = typeof edit.value === 'string' ? Buffer.from(edit.value) : edit.value;
    scanValue(value, { maxDepth });
    values.set(edit.set, value);
  }
  return values;
}
