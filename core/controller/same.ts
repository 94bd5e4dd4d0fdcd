import { fieldsOf } from './fields.ts';

/** Whether a status says already what is to be said. Order of lists and times of transitions aside; a list that is absent is empty. */
export function saysTheSame(present: unknown, wanted: object): boolean {
  const there = fieldsOf(present);
  return Object.entries(wanted).every(([field, value]) => isSame(there[field] ?? (Array.isArray(value) ? [] : undefined), value));
}

/** Whether two values say the same: order of lists and times of transitions aside. */
export function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false;
    // Of a status that is up to date all lists are in order.
    return a.every((item, index) => isSame(item, b[index])) || canonical(a) === canonical(b);
  }
  return (
    countOf(a) === countOf(b) && Object.entries(a).every(([name, value]) => isNothing(name, value) || isSame(value, fieldsOf(b)[name]))
  );
}

function countOf(value: object): number {
  let count = 0;
  for (const [name, field] of Object.entries(value)) if (!isNothing(name, field)) count++;
  return count;
}

function isNothing(name: string, value: unknown): boolean {
  return value === undefined || name === 'lastTransitionTime';
}

/** One text for all values that say the same. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).sort().join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  const fields = Object.entries(value)
    .filter(([name, field]) => !isNothing(name, field))
    .map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.sort().join(',')}}`;
}
