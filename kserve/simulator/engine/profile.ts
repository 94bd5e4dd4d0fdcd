import { didYouMean } from '#core/resources/nearest';

/** What one step of an engine computes. */
export interface StepLoad {
  /** Prompt tokens that are computed in this step. */
  readonly prefillTokens: number;
  /** Sequences that get one more token. */
  readonly decodeSequences: number;
  /** Tokens in the KV cache of those sequences, which attention reads. */
  readonly contextTokens: number;
  /** Pairs of prompt token and earlier token: attention's work in prefill. */
  readonly prefillPairs: number;
}

/** How long a step takes, as a sum of four parts. Nothing in here knows about routing. */
export interface StepTimes {
  readonly baseMs: number;
  readonly perPrefillTokenMs: number;
  readonly perDecodeSequenceMs: number;
  readonly perContextTokenMs: number;
  readonly perPrefillPairMs: number;
}

/** A model on a kind of machine. */
export interface Profile {
  readonly name: string;
  readonly times: StepTimes;
  /** Tokens that the KV cache holds. */
  readonly kvTokens: number;
  readonly maxModelLen: number;
  /** Tokens that one step computes at most, prefill and decode together (vLLM `--max-num-batched-tokens`). */
  readonly maxNumBatchedTokens: number;
  /** Sequences that run at one time (vLLM `--max-num-seqs`). */
  readonly maxNumSeqs: number;
  /** Time to bring an adapter's weights into a slot. */
  readonly loraLoadMs: number;
  /** Time per token to receive a KV cache from a prefill pod. */
  readonly transferPerTokenMs: number;
  /** Where the numbers come from. */
  readonly source: string;
}

/** @returns the duration of a step in milliseconds */
export function stepMs(times: StepTimes, load: StepLoad): number {
  return (
    times.baseMs +
    times.perPrefillTokenMs * load.prefillTokens +
    times.perDecodeSequenceMs * load.decodeSequences +
    times.perContextTokenMs * load.contextTokens +
    times.perPrefillPairMs * load.prefillPairs
  );
}

const QWEN3_32B: Profile = {
  name: 'qwen3-32b-2xh100',
  times: {
    baseMs: 20.5,
    perPrefillTokenMs: 0.0531,
    perDecodeSequenceMs: 0.065,
    perContextTokenMs: 0.00005,
    perPrefillPairMs: 1.75e-6,
  },
  kvTokens: 307_328,
  maxModelLen: 40_960,
  maxNumBatchedTokens: 8192,
  maxNumSeqs: 1024,
  loraLoadMs: 400,
  // 262144 bytes of KV cache a token over a link of 400 Gbit/s at 80 %.
  transferPerTokenMs: 0.0066,
  source: 'llm-d benchmarks of 2025-09 (73-capacity) and 2026-08 (tokens of a step): see calibration.md',
};

const LLAMA_8B: Profile = {
  name: 'llama-3.1-8b-h100',
  times: {
    baseMs: 9,
    perPrefillTokenMs: 0.02,
    perDecodeSequenceMs: 0.03,
    perContextTokenMs: 0.00004,
    perPrefillPairMs: 5e-7,
  },
  kvTokens: 440_000,
  maxModelLen: 131_072,
  maxNumBatchedTokens: 8192,
  maxNumSeqs: 1024,
  loraLoadMs: 150,
  transferPerTokenMs: 0.0033,
  source:
    'estimated: inter-token 10 to 15 ms as in the table of llm-d-inference-sim; the rest from the sizes of model and machine; not measured',
};

const DEMO: Profile = {
  name: 'demo',
  times: { baseMs: 8, perPrefillTokenMs: 0.01, perDecodeSequenceMs: 0.05, perContextTokenMs: 0.00001, perPrefillPairMs: 1e-7 },
  kvTokens: 131_072,
  maxModelLen: 32_768,
  maxNumBatchedTokens: 2048,
  maxNumSeqs: 64,
  loraLoadMs: 100,
  transferPerTokenMs: 0.002,
  source: 'invented: a quick answer on a laptop; stands for no machine',
};

/** Profiles by name. */
export const PROFILES: Readonly<Record<string, Profile>> = Object.assign(Object.create(null) as Record<string, Profile>, {
  [QWEN3_32B.name]: QWEN3_32B,
  [LLAMA_8B.name]: LLAMA_8B,
  [DEMO.name]: DEMO,
});

/** @throws RangeError that names the nearest profile */
export function profileOf(name: string): Profile {
  const profile = PROFILES[name];
  if (profile !== undefined) return profile;
  const known = Object.keys(PROFILES);
  throw new RangeError(`no profile is called "${name}"${didYouMean(name, known)} (there are ${known.join(', ')})`);
}
