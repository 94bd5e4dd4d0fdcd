import type { Image } from '../settings.ts';

export function imageReference({ name, tag, digest }: Image): string {
  return digest === undefined ? `${name}:${tag}` : `${name}@${digest}`;
}
