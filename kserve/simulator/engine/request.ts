import type { Content } from './content.ts';
import type { Sequence } from './sequence.ts';

/** Why a sequence ended: vLLM's `finished_reason`. `error` stands for a crash or an injected reset. */
export type FinishReason = 'stop' | 'length' | 'abort' | 'error';

/** One sequence to compute. */
export interface EngineRequest {
  readonly id: string;
  readonly content: Content;
  /** Tokens that the answer will have; 0 for a pooling (embedding) request, which ends with its prefill. */
  readonly outputTokens: number;
  /** What ends the answer. */
  readonly ends: 'stop' | 'length';
  /** The `max_tokens` that the client asked for, for the metrics. */
  readonly maxTokens?: number;
  /** Sequences of the same call (`n`), for the metrics. */
  readonly n?: number;
  /** Name of the LoRA adapter. */
  readonly lora?: string;
  /** Keeps the cache of one tenant from others (`cache_salt`). */
  readonly salt?: string;
  /** Lower goes first, where the scheduling policy is `priority`. */
  readonly priority?: number;
  /** The prompt's KV cache comes from a prefill pod (`kv_transfer_params.do_remote_prefill`). */
  readonly remotePrefill?: boolean;
}

/** What one step did. */
export interface StepInfo {
  readonly startedAt: number;
  readonly durationMs: number;
  readonly prefillTokens: number;
  readonly decodeTokens: number;
  readonly sequences: number;
  readonly budget: number;
}

/**
 * What an engine tells. Times are milliseconds on the caller's clock. The callbacks run inside `advance` and `submit`: they must not call
 * the engine back, except `abort`.
 */
export interface EngineEvents {
  /** The sequence got blocks for the first time; `cachedTokens` is known. */
  admitted?(sequence: Sequence, now: number): void;
  /** A token is there; `sequence.output` counts it. */
  token?(sequence: Sequence, now: number): void;
  /** The same gap between two tokens for `count` sequences. */
  gap?(gapMs: number, count: number): void;
  preempted?(sequence: Sequence, now: number): void;
  finished?(sequence: Sequence, now: number, reason: FinishReason): void;
  step?(info: StepInfo): void;
}

/** Time-independent limits of an engine. */
export interface EngineSettings {
  readonly model: string;
  readonly blockSize: number;
  readonly blocks: number;
  readonly maxModelLen: number;
  readonly maxNumBatchedTokens: number;
  readonly maxNumSeqs: number;
  readonly policy: 'fcfs' | 'priority';
  readonly prefixCaching: boolean;
  /** Adapters in the machine's memory at one time (vLLM `--max-loras`). */
  readonly maxLoras: number;
  readonly loraLoadMs: number;
  readonly transferPerTokenMs: number;
}
