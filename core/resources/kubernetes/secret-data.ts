import type { Secret } from './secret.ts';

const READ = new WeakMap<Secret['body'], ReadonlyMap<string, Buffer>>();

/** The entries of a Secret as bytes; `stringData` wins over `data`, as in a cluster. The same Secret has the same entries, as one object. */
export function secretData({ body }: Secret): ReadonlyMap<string, Buffer> {
  const known = READ.get(body);
  if (known !== undefined) return known;
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(body.data ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  for (const [key, value] of Object.entries(body.stringData ?? {})) entries.set(key, Buffer.from(value));
  READ.set(body, entries);
  return entries;
}
