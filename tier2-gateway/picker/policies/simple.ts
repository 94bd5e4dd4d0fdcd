import { CandidatePolicy } from './candidates.ts';
import type { Candidate, Choice } from './candidates.ts';

/** What a Kubernetes Service in iptables mode does. */
export class RandomPolicy extends CandidatePolicy {
  protected override choose(candidates: readonly Candidate[]): readonly Choice[] {
    return this.shuffled(candidates).map((candidate) => ({ candidate, score: 0 }));
  }
}

/** Each in turn, in the order in which they became known. */
export class RoundRobinPolicy extends CandidatePolicy {
  #turn = 0;

  protected override choose(candidates: readonly Candidate[]): readonly Choice[] {
    const first = this.#turn++ % candidates.length;
    return candidates.map((_, index) => ({ candidate: candidates[(first + index) % candidates.length]!, score: index }));
  }
}

/** Fewest own requests in flight; ties at random. */
export class LeastRequestPolicy extends CandidatePolicy {
  protected override choose(candidates: readonly Candidate[]): readonly Choice[] {
    return byRequests(this.shuffled(candidates));
  }
}

/** Two at random, of which the one with fewer own requests in flight (Envoy's LEAST_REQUEST with choice_count 2). */
export class TwoChoicesPolicy extends CandidatePolicy {
  protected override choose(candidates: readonly Candidate[]): readonly Choice[] {
    const mixed = this.shuffled(candidates);
    return [...byRequests(mixed.slice(0, 2)), ...mixed.slice(2).map((candidate) => ({ candidate, score: candidate.requests }))];
  }
}

function byRequests(candidates: readonly Candidate[]): readonly Choice[] {
  return candidates.map((candidate) => ({ candidate, score: candidate.requests })).sort((one, other) => one.score - other.score);
}
