/** What one run of a policy gave, over the stages that count. Times are seconds. */
export interface Result {
  readonly workload: string;
  readonly policy: string;
  readonly seed: number;
  readonly requests: number;
  /** Plain mean of the stages, as the published reports have it. */
  readonly outputTokensPerS: number;
  readonly inputTokensPerS: number;
  readonly ttftP50S: number;
  readonly ttftP90S: number;
  readonly ttftMeanS: number;
  /** Mean time per output token after the first, over all requests. */
  readonly tpotMeanS: number;
  /** Mean time from sending to the last token. */
  readonly latencyMeanS: number;
  readonly latencyP90S: number;
  /** Share of the prompt tokens that were cached. */
  readonly hitRatio: number;
  /** Mean number of waiting requests in a pod. */
  readonly waitingMean: number;
  readonly waitingMax: number;
  readonly preemptions: number;
  /** Requests that ended with an error before the first byte reached the client. */
  readonly failed: number;
  /** Streams that ended with an error. */
  readonly cut: number;
  /** Requests that were answered on another pod than the first choice. */
  readonly retried: number;
  readonly simulatedS: number;
  readonly stages: readonly StageResult[];
}

export interface StageResult {
  readonly name: string;
  readonly isWarmUp: boolean;
  readonly requests: number;
  readonly durationS: number;
  readonly outputTokensPerS: number;
  readonly inputTokensPerS: number;
  readonly ttftP90S: number;
  readonly ttftMeanS: number;
  readonly tpotMeanS: number;
  readonly hitRatio: number;
}
