import { finish, PromptHasher } from './digest.ts';
import type { PromptDigest } from './digest.ts';
import type { EndpointState } from './endpoint.ts';

/** Prompts that agree so far, about a thousand tokens, have the same home. */
const ANCHOR_BLOCKS = 24;
/** Share of the load that is not ours from which on others are believed to send what we send. */
const LEAST_FOREIGN = 0.05;
const RATE = 0.05;
/** Share of a prompt that its home is believed to have, before anything is known. */
const FIRST_BELIEF = 0.6;

/**
 * Where a prompt belongs that this picker has not seen. Several gateways in front of one pool do not know what the others have sent where.
 * But they can agree without a word: the same beginning and the same endpoints give the same home everywhere. So a new prompt is worth
 * more at its home, where another gateway may have sent its like; how much more is learned from what the servers report to have cached.
 */
export class Homes {
  readonly #ids = new Map<string, number>();
  /** Share of the prompt's tokens that were cached, of those that went to their home on trust. */
  #cachedShare = FIRST_BELIEF;

  /** @returns row of the home, or -1 where there is none: the prompt is short, or all load is ours */
  find(prompt: PromptDigest, candidates: readonly EndpointState[]): number {
    if (prompt.blocks < ANCHOR_BLOCKS || candidates.length < 2 || foreignShare(candidates) < LEAST_FOREIGN) return -1;
    const lo = prompt.lo[ANCHOR_BLOCKS - 1]!;
    const hi = prompt.hi[ANCHOR_BLOCKS - 1]!;
    let home = -1;
    let most = -1;
    for (let row = 0; row < candidates.length; row++) {
      // The highest hash of pair wins (rendezvous hashing): an endpoint more or less moves no other prompts.
      const weight = finish(lo ^ this.#hashOf(candidates[row]!.info.id), hi) >>> 0;
      if (weight <= most) continue;
      most = weight;
      home = row;
    }
    return home;
  }

  /** Tokens that the home probably has of a prompt that nobody was seen to send. */
  expected(inputTokens: number): number {
    return Math.floor(this.#cachedShare * inputTokens);
  }

  observe(cachedTokens: number, inputTokens: number): void {
    this.#cachedShare += RATE * (Math.min(1, cachedTokens / inputTokens) - this.#cachedShare);
  }

  #hashOf(id: string): number {
    let hash = this.#ids.get(id);
    if (hash === undefined) {
      if (this.#ids.size >= 10_000) this.#ids.clear();
      const hasher = new PromptHasher();
      hasher.text(id);
      const { a, b, word, wordBytes } = hasher.digest().state;
      this.#ids.set(id, (hash = finish(a ^ word, b + wordBytes)));
    }
    return hash;
  }
}

/** Whether a digest matched far enough that its home does not matter. */
export function isKnown(depth: number): boolean {
  return depth >= ANCHOR_BLOCKS;
}

function foreignShare(candidates: readonly EndpointState[]): number {
  let foreign = 0;
  let all = 0;
  for (const { scraped, load } of candidates) {
    const others = scraped.foreign.running + scraped.foreign.waiting;
    foreign += others;
    all += others + load.requests;
  }
  return all === 0 ? 0 : foreign / all;
}
