import { VirtualClock } from '../../kserve/simulator/clock.ts';
import { Random } from '../../kserve/simulator/engine/random.ts';
import { mean, quantile } from '../../kserve/simulator/workload.ts';
import type { Decision } from '../../tier2-gateway/picker/decisions.ts';
import { type Answer, SimulatedGateway } from './gateway.ts';
import type { PolicySpec } from './policies.ts';
import type { Result, StageResult } from './results.ts';
import type { Session, Stage, Turn } from './traffic.ts';
import type { Workload, WorkloadSize } from './workload.ts';

const SAMPLE_MS = 50;

export interface RunOptions extends WorkloadSize {
  readonly workload: Workload;
  readonly policy: PolicySpec;
  readonly seed: number;
  /** Keeps the decision on the request with this id: stage, session and turn, as in `1.20.0`. */
  readonly explain?: string;
}

/** Runs one workload with one policy. The same options give the same result. */
export function run(options: RunOptions): Result & { readonly decision?: Decision } {
  const { workload, policy, seed } = options;
  const clock = new VirtualClock();
  const pods = workload.pods({ ...options, idealPods: policy.idealPods ?? false }, seed);
  for (const pod of pods) clock.add(pod);
  const gateways = createGateways(options, clock, pods);
  const load = new Load(clock, gateways.running, {
    requests: workload.maxConcurrency?.(options) ?? Infinity,
    sessions: workload.maxSessions?.(options) ?? Infinity,
  });
  const stages = workload.stages(options, new Random(`${workload.name}/${seed}`));
  const collected: Collected[] = [];
  const waiting = { sum: 0, samples: 0, max: 0 };
  let counts = false;
  const sample = (): void => {
    for (const pod of counts ? pods : []) {
      const value = pod.load().waiting;
      waiting.sum += value;
      waiting.samples++;
      waiting.max = Math.max(waiting.max, value);
    }
    if (collected.length < stages.length) clock.after(SAMPLE_MS, sample);
  };
  const begin = (): void => {
    const index = collected.length;
    const stage = stages[index];
    if (stage === undefined) {
      for (const gateway of gateways.running) gateway.stop();
      return;
    }
    if (!counts && stage.isWarmUp !== true) {
      counts = true;
      for (const [pod, failures] of workload.failures ?? []) pods[pod]?.failures.set(failures, clock.now);
      for (const gateway of gateways.running) gateway.breakScrapes(workload.scrapeFault);
    }
    load.run(stage, index, (stageCollected) => {
      collected.push(stageCollected);
      begin();
    });
  };
  begin();
  sample();
  clock.run();
  const decision = options.explain === undefined ? undefined : gateways.explain(options.explain);
  return {
    ...summary(collected),
    workload: workload.name,
    policy: policy.name,
    seed,
    waitingMean: waiting.samples === 0 ? 0 : waiting.sum / waiting.samples,
    waitingMax: waiting.max,
    preemptions: pods.reduce((sum, pod) => sum + pod.snapshot(clock.now).preemptions, 0),
    simulatedS: clock.now / 1000,
    ...(decision === undefined ? {} : { decision }),
  };
}

function createGateways(options: RunOptions, clock: VirtualClock, pods: ReturnType<Workload['pods']>) {
  const { workload, policy, seed, explain } = options;
  const policies = Array.from({ length: workload.gateways ?? 1 }, (_, index) => {
    const random = new Random(`${policy.name}/${seed}/${index}`);
    return policy.create({ now: () => clock.now, random: () => random.next() }, { pods, keepsDecisions: explain !== undefined });
  });
  const running = policies.map(
    (created, index) =>
      new SimulatedGateway({
        name: `gateway-${index}`,
        clock,
        pods,
        policy: created,
        model: workload.model,
        random: new Random(`scrapes/${seed}/${index}`),
        scraping: policy.scraping,
        keepsScrapes: workload.scrapeFault !== undefined,
      }),
  );
  const explainOne = (id: string): Decision | undefined => {
    for (const created of policies) {
      const decision = created.explain(id);
      if (decision !== undefined) return decision;
    }
    return undefined;
  };
  return { running, explain: explainOne };
}

/** What the answers of one stage were. */
interface Collected {
  readonly stage: Stage;
  readonly answers: readonly { readonly turn: Turn; readonly answer: Answer }[];
  readonly durationMs: number;
}

interface LoadLimits {
  readonly requests: number;
  readonly sessions: number;
}

/** Sends the sessions of a stage, with so many requests and sessions under way at most: others start late. */
class Load {
  readonly #clock: VirtualClock;
  readonly #gateways: readonly SimulatedGateway[];
  readonly #limits: LoadLimits;

  constructor(clock: VirtualClock, gateways: readonly SimulatedGateway[], limits: LoadLimits) {
    this.#clock = clock;
    this.#gateways = gateways;
    this.#limits = limits;
  }

  run(stage: Stage, index: number, done: (collected: Collected) => void): void {
    const clock = this.#clock;
    const startedAt = clock.now;
    const answers: { turn: Turn; answer: Answer }[] = [];
    const late: (() => void)[] = [];
    const waitingSessions: (() => void)[] = [];
    let active = 0;
    let sessions = 0;
    let open = stage.sessions.length;
    if (open === 0) throw new RangeError(`the stage "${stage.name}" has no sessions`);
    const startLate = (): void => {
      while (waitingSessions.length > 0 && sessions < this.#limits.sessions) waitingSessions.shift()!();
      while (late.length > 0 && active < this.#limits.requests) late.shift()!();
    };
    const sendTurn = (session: Session, number: number, at: number): void => {
      const turn = session.turns[at]!;
      const start = (): void => {
        active++;
        this.#gateways[number % this.#gateways.length]!.send(`${index}.${number}.${at}`, turn, (answer) => {
          active--;
          answers.push({ turn, answer });
          const next = session.turns[at + 1];
          // A client that got an error does not go on.
          if (next !== undefined && answer.kind === 'done') clock.after(next.thinkMs ?? 0, () => sendTurn(session, number, at + 1));
          else {
            open--;
            sessions--;
          }
          const endedAt = clock.now;
          // Not inside the engine's step.
          clock.after(0, () => {
            startLate();
            if (open === 0) {
              open = -1;
              done({ stage, answers, durationMs: endedAt - startedAt });
            }
          });
        });
      };
      if (active < this.#limits.requests) start();
      else late.push(start);
    };
    for (const [number, session] of stage.sessions.entries()) {
      const begin = (): void => {
        sessions++;
        sendTurn(session, number, 0);
      };
      clock.at(startedAt + session.at, () => {
        if (sessions < this.#limits.sessions) begin();
        else waitingSessions.push(begin);
      });
    }
  }
}

type Summary = Omit<Result, 'workload' | 'policy' | 'seed' | 'waitingMean' | 'waitingMax' | 'preemptions' | 'simulatedS'>;

function summary(collected: readonly Collected[]): Summary {
  const stages = collected.map(stageResult);
  const counted = stages.filter(({ isWarmUp }) => !isWarmUp);
  const answers = collected.flatMap(({ stage, answers: all }) => (stage.isWarmUp === true ? [] : all));
  const done = answers.filter(({ answer }) => answer.kind === 'done');
  const ttfts = done.map(({ answer }) => answer.ttftMs / 1000);
  const latencies = done.map(({ answer }) => (answer.ttftMs + answer.decodeMs) / 1000);
  return {
    requests: answers.length,
    outputTokensPerS: mean(counted.map((stage) => stage.outputTokensPerS)),
    inputTokensPerS: mean(counted.map((stage) => stage.inputTokensPerS)),
    ttftP50S: quantile(ttfts, 0.5),
    ttftP90S: quantile(ttfts, 0.9),
    ttftMeanS: mean(ttfts),
    tpotMeanS: tpot(answers),
    latencyMeanS: mean(latencies),
    latencyP90S: quantile(latencies, 0.9),
    hitRatio: hitRatio(answers),
    failed: answers.filter(({ answer }) => answer.kind === 'failed').length,
    cut: answers.filter(({ answer }) => answer.kind === 'cut').length,
    retried: answers.filter(({ answer }) => answer.kind !== 'failed' && answer.attempts > 1).length,
    stages,
  };
}

function stageResult({ stage, answers, durationMs }: Collected): StageResult {
  const durationS = durationMs / 1000;
  const done = answers.filter(({ answer }) => answer.kind === 'done');
  const ttfts = done.map(({ answer }) => answer.ttftMs / 1000);
  const sum = (read: (turn: Turn, answer: Answer) => number): number =>
    answers.reduce((total, { turn, answer }) => total + read(turn, answer), 0);
  return {
    name: stage.name,
    isWarmUp: stage.isWarmUp === true,
    requests: answers.length,
    durationS,
    outputTokensPerS: sum((_turn, answer) => answer.outputTokens) / durationS,
    inputTokensPerS: sum((turn, answer) => (answer.kind === 'done' ? turn.prompt.length : 0)) / durationS,
    ttftP90S: quantile(ttfts, 0.9),
    ttftMeanS: mean(ttfts),
    tpotMeanS: tpot(answers),
    hitRatio: hitRatio(answers),
  };
}

function tpot(answers: Collected['answers']): number {
  let ms = 0;
  let tokens = 0;
  for (const { answer } of answers) {
    if (answer.outputTokens < 2) continue;
    ms += answer.decodeMs;
    tokens += answer.outputTokens - 1;
  }
  return tokens === 0 ? 0 : ms / tokens / 1000;
}

function hitRatio(answers: Collected['answers']): number {
  let cached = 0;
  let prompt = 0;
  for (const { turn, answer } of answers) {
    if (answer.kind !== 'done') continue;
    cached += answer.cachedTokens;
    prompt += turn.prompt.length;
  }
  return prompt === 0 ? 0 : cached / prompt;
}
