import type { Report } from '../kind.ts';

const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;

/** Keys of labels and annotations: an optional DNS prefix of less than 253 characters and a name of up to 63. */
export function checkLabelKeys(labels: Readonly<Record<string, unknown>>, path: string, report: Report): void {
  for (const key of Object.keys(labels)) {
    if (!QUALIFIED_NAME.test(key)) report(`${path}.${key}`, 'the key is no [prefix/]name of letters, digits, "-", "_" and "."');
    else if (key.slice(0, Math.max(0, key.indexOf('/'))).length >= 253)
      report(`${path}.${key}`, 'the prefix of the key must be shorter than 253 characters');
  }
}
