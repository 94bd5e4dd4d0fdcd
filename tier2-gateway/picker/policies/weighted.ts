import type { PickRequest, Surroundings } from '../policy.ts';
import { APPROXIMATE_PREFIX_DEFAULTS, ApproximatePrefixIndex } from './approximate-prefix.ts';
import type { ApproximatePrefixOptions } from './approximate-prefix.ts';
import { CandidatePolicy } from './candidates.ts';
import type { Candidate, Choice } from './candidates.ts';

export interface PrefixMatch {
  readonly matched: number;
  readonly total: number;
  readonly blockTokens: number;
}

/** What filters and scorers see of one pick. */
export interface WeighedRequest {
  readonly request: PickRequest;
  match(candidate: Candidate): PrefixMatch;
  /** Tokens of this request that are not cached there. */
  uncached(candidate: Candidate): number;
  /** When the endpoint last got a request without any prefix hit, as a rank that grows; 0 for never. */
  coldRank(candidate: Candidate): number;
  readonly random: () => number;
}

export type Filter = (candidates: readonly Candidate[], weighed: WeighedRequest) => readonly Candidate[];

/** One score per candidate, held to 0 to 1 by the profile. */
export type Scorer = (candidates: readonly Candidate[], weighed: WeighedRequest) => readonly number[];

export interface Profile {
  readonly filters: readonly Filter[];
  readonly scorers: readonly { readonly score: Scorer; readonly weight: number }[];
  readonly picker: 'max-score' | 'random' | 'weighted-random';
  /** @default 1, as in the reference */
  readonly maxNumOfEndpoints?: number;
  readonly prefix?: Partial<ApproximatePrefixOptions>;
}

/** The reference's scheduling cycle: filters one after the other, weighted sum of the scores, picker. */
export class WeightedPolicy extends CandidatePolicy {
  readonly #profile: Profile;
  readonly #prefix: ApproximatePrefixOptions;
  readonly #index = new ApproximatePrefixIndex();
  readonly #coldRanks = new Map<string, number>();
  #cold = 0;
  /** The pick that is being made, until it is reserved. */
  #current: { readonly request: PickRequest; readonly hashes: readonly number[]; readonly isCold: boolean } | undefined;

  constructor(around: Surroundings, profile: Profile) {
    super(around);
    this.#profile = profile;
    this.#prefix = { ...APPROXIMATE_PREFIX_DEFAULTS, ...profile.prefix };
  }

  protected override choose(candidates: readonly Candidate[], request: PickRequest): readonly Choice[] {
    const blockTokens = this.#blockTokens(candidates[0]);
    const hashes = this.#hashes(request, blockTokens);
    const counts = this.#index.match(hashes);
    this.#current = { request, hashes, isCold: counts.size === 0 };
    const total = hashes.length;
    const match = (candidate: Candidate): PrefixMatch => ({ matched: counts.get(candidate.info.id) ?? 0, total, blockTokens });
    const matchedTokens = (candidate: Candidate): number => Math.min(request.inputTokens, match(candidate).matched * blockTokens);
    const weighed: WeighedRequest = {
      request,
      match,
      uncached: (candidate) => request.inputTokens - matchedTokens(candidate),
      coldRank: (candidate) => this.#coldRanks.get(candidate.info.id) ?? 0,
      random: this.around.random,
    };
    let left = candidates;
    for (const filter of this.#profile.filters) left = filter(left, weighed);
    const totals = new Map<Candidate, number>(left.map((candidate) => [candidate, 0]));
    for (const { score, weight } of this.#profile.scorers) {
      const scores = score(left, weighed);
      left.forEach((candidate, index) => {
        totals.set(candidate, totals.get(candidate)! + weight * Math.max(0, Math.min(1, scores[index]!)));
      });
    }
    return this.#ordered(left, totals)
      .slice(0, this.#profile.maxNumOfEndpoints ?? 1)
      .map((candidate) => ({ candidate, score: totals.get(candidate)!, matchedTokens: matchedTokens(candidate) }));
  }

  #ordered(candidates: readonly Candidate[], totals: ReadonlyMap<Candidate, number>): readonly Candidate[] {
    const mixed = this.shuffled(candidates);
    switch (this.#profile.picker) {
      case 'random':
        return mixed;
      case 'max-score':
        return mixed.sort((one, other) => totals.get(other)! - totals.get(one)!);
      case 'weighted-random': {
        // A-Res (Efraimidis and Spirakis): the largest of u^(1/weight).
        const keys = new Map(mixed.map((candidate) => [candidate, this.around.random() ** (1 / Math.max(1e-9, totals.get(candidate)!))]));
        return mixed.sort((one, other) => keys.get(other)! - keys.get(one)!);
      }
    }
  }

  #hashes({ prompt, model, lora, tenant }: PickRequest, blockTokens: number): readonly number[] {
    return this.#index.hashes(prompt, lora ?? model, tenant, blockTokens, this.#prefix.maxPrefixTokensToMatch);
  }

  #blockTokens(first: Candidate | undefined): number {
    const scraped = this.#prefix.autoTune ? first?.metrics?.blockSize : undefined;
    return Math.max(64, scraped ?? this.#prefix.blockSizeTokens);
  }

  protected override onReserved(candidate: Candidate, request: PickRequest): void {
    const { id } = candidate.info;
    // One that moves later has seen other picks come in between.
    const isCurrent = this.#current?.request === request;
    const hashes = isCurrent ? this.#current!.hashes : this.#hashes(request, this.#blockTokens(this.candidates.values().next().value));
    const blocks = this.#prefix.autoTune ? candidate.metrics?.numBlocks : undefined;
    this.#index.add(hashes, id, blocks ?? this.#prefix.lruCapacityPerServer);
    if (isCurrent && this.#current!.isCold) this.#coldRanks.set(id, ++this.#cold);
    this.#current = undefined;
  }

  protected override onRemoved(candidate: Candidate): void {
    this.#index.remove(candidate.info.id);
    this.#coldRanks.delete(candidate.info.id);
  }
}
