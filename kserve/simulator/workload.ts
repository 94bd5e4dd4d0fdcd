import { type Content, SegmentContent } from './engine/content.ts';
import { Random } from './engine/random.ts';
import type { SimulatedPod } from './pod.ts';
import { VirtualClock } from './clock.ts';

/** A part of a load test: Poisson arrivals at a rate; the next stage begins when all requests of this one are answered. */
export interface Stage {
  /** Requests a second. */
  readonly rate: number;
  readonly durationS: number;
}

/** One request of a workload. */
export interface Call {
  readonly content: Content;
  /** Tokens of the answer. */
  readonly outputTokens: number;
  readonly lora?: string;
}

/**
 * Chooses a pod. It sees what a router of its kind would see, and answers with the pod's index.
 * @param now milliseconds
 */
export type Picker = (call: Call, pods: readonly SimulatedPod[], now: number, random: Random) => number;

export interface LoadOptions {
  readonly pods: readonly SimulatedPod[];
  readonly stages: readonly Stage[];
  /** The requests of every stage, in this order and from the start again. */
  readonly calls: readonly Call[];
  readonly picker: Picker;
  readonly seed: number | string;
  /** Requests that the load generator has under way at most; others start late. @default no limit */
  readonly maxConcurrency?: number;
}

export interface StageResult {
  readonly rate: number;
  readonly requests: number;
  readonly failed: number;
  /** First arrival to last answer. */
  readonly durationS: number;
  readonly outputTokensPerS: number;
  /** Seconds from sending to the first token, one for each request, in the order in which they came. */
  readonly timesToFirstToken: readonly number[];
  /** Mean gap between tokens, in seconds. */
  readonly meanGapS: number;
  /** Share of prompt tokens that were cached. */
  readonly hitRate: number;
}

export interface LoadResult {
  readonly stages: readonly StageResult[];
  /** Mean number of waiting requests in a pod, sampled every 50 ms of simulated time. */
  readonly meanWaiting: number;
  readonly meanKvUsage: number;
  readonly maxWaiting: number;
  readonly preemptions: number;
  /** Simulated time. */
  readonly simulatedS: number;
}

const SAMPLE_MS = 50;

/** Runs a load test against pods on a virtual clock. */
export function runLoad(options: LoadOptions): LoadResult {
  const clock = new VirtualClock();
  for (const pod of options.pods) clock.add(pod);
  const random = new Random(options.seed);
  const sampler = new Sampler(options.pods);
  const stages: StageResult[] = [];
  for (const [index, stage] of options.stages.entries()) stages.push(runStage(index, stage, options, clock, random, sampler));
  return {
    stages,
    meanWaiting: sampler.waiting / sampler.samples,
    maxWaiting: sampler.maxWaiting,
    meanKvUsage: sampler.kvUsage / sampler.samples,
    preemptions: options.pods.reduce((sum, pod) => sum + pod.snapshot(clock.now).preemptions, 0),
    simulatedS: clock.now / 1000,
  };
}

/** Looks at the pods now and then, as a scraper of metrics does. */
class Sampler {
  readonly #pods: readonly SimulatedPod[];
  samples = 0;
  waiting = 0;
  maxWaiting = 0;
  kvUsage = 0;

  constructor(pods: readonly SimulatedPod[]) {
    this.#pods = pods;
  }

  sample(): void {
    for (const pod of this.#pods) {
      const { waiting, kvUsage } = pod.load();
      this.samples++;
      this.waiting += waiting;
      this.maxWaiting = Math.max(this.maxWaiting, waiting);
      this.kvUsage += kvUsage;
    }
  }
}

function runStage(index: number, stage: Stage, options: LoadOptions, clock: VirtualClock, random: Random, sampler: Sampler): StageResult {
  const { pods, calls, picker, maxConcurrency = Infinity } = options;
  const requests = Math.floor(stage.rate * stage.durationS);
  const startedAt = clock.now;
  const late: number[] = [];
  const timesToFirstToken: number[] = [];
  const total = { done: 0, failed: 0, active: 0, output: 0, gapMs: 0, gaps: 0, prompt: 0, cached: 0, endedAt: startedAt };
  const ended = (): void => {
    total.done++;
    total.active--;
    total.endedAt = clock.now;
    // The generator sends the next late request once this one's slot is free, not inside the engine's step.
    clock.after(0, sendLate);
  };
  const send = (number: number): void => {
    const call = calls[number % calls.length]!;
    const sentAt = clock.now;
    const pod = pods[picker(call, pods, sentAt, random)]!;
    total.active++;
    const submission = pod.submit(
      {
        id: `${index}.${number}`,
        content: call.content,
        outputTokens: call.outputTokens,
        ends: 'length',
        maxTokens: call.outputTokens,
        ...(call.lora === undefined ? {} : { lora: call.lora }),
      },
      {
        finished: (sequence, now, reason) => {
          if (reason === 'error' || reason === 'abort' || sequence.firstTokenAt === undefined) total.failed++;
          else {
            timesToFirstToken.push((sequence.firstTokenAt - sentAt) / 1000);
            total.gapMs += now - sequence.firstTokenAt;
            total.gaps += sequence.output - 1;
          }
          total.output += sequence.output;
          total.prompt += call.content.length;
          total.cached += sequence.cachedTokens;
          ended();
        },
      },
      sentAt,
    );
    if (submission.kind === 'accepted') return;
    total.failed++;
    ended();
  };
  const sendLate = (): void => {
    while (late.length > 0 && total.active < maxConcurrency) send(late.shift()!);
  };
  let at = startedAt;
  for (let number = 0; number < requests; number++) {
    at += random.exponential(1000 / stage.rate);
    clock.at(at, () => {
      if (total.active < maxConcurrency) send(number);
      else late.push(number);
    });
  }
  const sample = (): void => {
    sampler.sample();
    if (total.done < requests) clock.after(SAMPLE_MS, sample);
  };
  sample();
  clock.run();
  const durationS = (total.endedAt - startedAt) / 1000;
  return {
    rate: stage.rate,
    requests,
    failed: total.failed,
    durationS,
    outputTokensPerS: total.output / durationS,
    timesToFirstToken,
    meanGapS: total.gaps === 0 ? 0 : total.gapMs / total.gaps / 1000,
    hitRate: total.prompt === 0 ? 0 : total.cached / total.prompt,
  };
}

/** Prompts with shared beginnings: every group has a system prompt of its own, and every prompt in it a question of its own. */
export function sharedPrefixCalls(shape: {
  readonly groups: number;
  readonly promptsPerGroup: number;
  readonly systemTokens: number;
  readonly questionTokens: number;
  readonly outputTokens: number;
  readonly seed: number | string;
}): Call[] {
  const calls: Call[] = [];
  for (let group = 0; group < shape.groups; group++) {
    for (let prompt = 0; prompt < shape.promptsPerGroup; prompt++) {
      const question = shape.groups + calls.length;
      const segments = [
        { id: group, length: shape.systemTokens },
        { id: question, length: shape.questionTokens },
      ];
      calls.push({ content: new SegmentContent(segments, -1 - question), outputTokens: shape.outputTokens });
    }
  }
  return new Random(shape.seed).shuffle(calls);
}

/** @param share 0 to 1 @returns the value below which this share of the values lies; 0 for none */
export function quantile(values: readonly number[], share: number): number {
  if (values.length === 0) return 0;
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
