import type { Secret } from './secret.ts';

/** The entries of a Secret as bytes; `stringData` wins over `data`, as in a cluster. */
export function secretData(secret: Secret): ReadonlyMap<string, Buffer> {
  const entries = new Map<string, Buffer>();
  for (const [key, value] of Object.entries(secret.body.data ?? {})) entries.set(key, Buffer.from(value, 'base64'));
  for (const [key, value] of Object.entries(secret.body.stringData ?? {})) entries.set(key, Buffer.from(value));
  return entries;
}
