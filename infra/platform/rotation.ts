import { type Generated, type KeyRing, newKey, newText } from './generated.ts';

/** Every step is brought to the cluster, and read there, before the next one. */
export type RotationStep = 'announced' | 'signing' | 'done';

export interface Rotation {
  readonly generated: Generated;
  readonly step: RotationStep;
  /** Of the key that the step is about. */
  readonly kid: string;
}

/** Kubelets bring a changed Secret to its pods within their sync period and the life of their cache: a minute each by default. */
export const SETTLED_AFTER_MS = 150_000;

/**
 * Takes a key pair one step further: a new public key beside the old one; the new one signs; the old one is forgotten. At no time is
 * anything signed with a key that the other tier does not know yet.
 * @param now Unix milliseconds
 * @throws Error when there is no such pair
 */
export function rotated(generated: Generated, pair: string, now: number): Rotation {
  const ring = generated.pairs[pair];
  if (ring === undefined)
    throw new Error(`there is no key pair "${pair}"; there are: ${Object.keys(generated.pairs).join(', ') || 'none'}`);
  const { next, step, kid } = nextOf(pair, ring);
  return { generated: { ...generated, pairs: { ...generated.pairs, [pair]: { ...next, changed: now } } }, step, kid };
}

function nextOf(
  pair: string,
  ring: KeyRing,
): { readonly next: Omit<KeyRing, 'changed'>; readonly step: RotationStep; readonly kid: string } {
  const { signs, keys } = ring;
  const last = keys.at(-1)!.kid;
  if (keys.length === 1) {
    const kid = `${pair}-${numberOf(pair, last) + 1}`;
    return { next: { signs, keys: [...keys, newKey(kid)] }, step: 'announced', kid };
  }
  if (signs !== last) return { next: { signs: last, keys }, step: 'signing', kid: last };
  return { next: { signs, keys: keys.filter(({ kid }) => kid === signs) }, step: 'done', kid: signs };
}

/** The first key has the name of its pair, the second one `NAME-2`. */
function numberOf(pair: string, kid: string): number {
  const number = Number(kid.slice(pair.length + 1));
  return kid === pair || Number.isNaN(number) ? 1 : number;
}

/** Milliseconds until all pods have read the last step. */
export function settlesIn({ pairs }: Generated, pair: string, now: number): number {
  const ring = pairs[pair];
  // A key that nobody announced yet has nothing to wait for.
  return ring === undefined || ring.keys.length === 1 ? 0 : Math.max(0, ring.changed + SETTLED_AFTER_MS - now);
}

/** Another text in place of one. @throws Error when there is no such text */
export function renewed(generated: Generated, name: string): Generated {
  if (!Object.hasOwn(generated.texts, name))
    throw new Error(`there is no generated text "${name}"; there are: ${Object.keys(generated.texts).join(', ') || 'none'}`);
  return { ...generated, texts: { ...generated.texts, [name]: newText() } };
}
