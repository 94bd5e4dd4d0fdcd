import type { EngineRequest } from './request.ts';

/** The state of one sequence in an engine. Only the engine writes it. */
export interface Sequence {
  readonly request: EngineRequest;
  readonly arrivedAt: number;
  /** Order of arrival, for ties. */
  readonly order: number;
  /** Hash chain: of the prompt, and behind it of the answer as far as it was computed. */
  readonly chain: Float64Array;
  readonly answerChain: number[];
  readonly blocks: number[];
  /** Leading blocks that are listed in the prefix cache. */
  stored: number;
  /** Tokens whose KV cache is there. */
  computed: number;
  /** Prompt tokens that the prefix cache had when the sequence was first admitted. */
  cachedTokens: number;
  /** Prompt tokens that came from a prefill pod. */
  transferredTokens: number;
  /** Tokens of the answer so far. */
  output: number;
  /** Tokens that the step under way computes for it. */
  scheduled: number;
  state: 'waiting' | 'transferring' | 'running' | 'finished';
  transferReadyAt: number;
  admittedAt: number | undefined;
  firstTokenAt: number | undefined;
  lastTokenAt: number | undefined;
  finishedAt: number | undefined;
  preemptions: number;
}

export function newSequence(request: EngineRequest, arrivedAt: number, order: number, chain: Float64Array): Sequence {
  return {
    request,
    arrivedAt,
    order,
    chain,
    answerChain: [],
    blocks: [],
    stored: 0,
    computed: 0,
    cachedTokens: 0,
    transferredTokens: 0,
    output: 0,
    scheduled: 0,
    state: 'waiting',
    transferReadyAt: Infinity,
    admittedAt: undefined,
    firstTokenAt: undefined,
    lastTokenAt: undefined,
    finishedAt: undefined,
    preemptions: 0,
  };
}

/** Tokens whose KV cache is needed before the next one: the prompt and the answer so far. */
export function total({ request, output }: Sequence): number {
  return request.content.length + output;
}

/** The hash of a full block. */
export function hashAt({ chain, answerChain }: Sequence, block: number): number {
  return block < chain.length ? chain[block]! : answerChain[block - chain.length]!;
}
