import { TokenContent } from '../engine/content.ts';
import type { FinishReason } from '../engine/request.ts';
import type { Sequence } from '../engine/sequence.ts';
import type { RealTime } from '../clock.ts';
import type { SimulatedPod } from '../pod.ts';
import { ApiError, modelNotFound } from './errors.ts';
import { type Answer, type AnswerLength, type Generation, planAnswers } from './generation.ts';

/** Told how the answers of one request come along. */
export interface Sink {
  /** Token `index` of answer `choice` is there. */
  token(choice: number, index: number): void;
  /** All of one answer is there. */
  ended(choice: number): void;
  /** All answers are there. */
  done(): void;
  /** The pod crashed, or a failure cuts the answer. */
  broken(): void;
}

/** A request that is under way. */
export interface Run {
  readonly id: string;
  readonly answers: readonly Answer[];
  readonly promptTokens: number;
  cachedTokens: number;
  /** Tokens of all answers so far. */
  completionTokens: number;
  readonly blocks: number;
  abort(): void;
}

/** Hands requests to the pod, in real time. */
export class Runner {
  readonly pod: SimulatedPod;
  readonly time: RealTime;
  readonly length: AnswerLength;

  constructor(pod: SimulatedPod, time: RealTime, length: AnswerLength) {
    this.pod = pod;
    this.time = time;
    this.length = length;
  }

  /** @throws ApiError 404 for a model that is neither the pod's nor an adapter */
  loraOf(model: string, served: readonly string[]): string | undefined {
    if (served.includes(model)) return undefined;
    if (this.pod.adapters.has(model)) return model;
    throw modelNotFound(model);
  }

  /**
   * Asks the failure rules about a request, before anything else is done with it.
   * @returns `hang` if it must never be answered, `broken` if the connection must be cut, or the tokens after which it must be
   * @throws ApiError as the rules say
   */
  admit(endpoint: string): { readonly resetAfterTokens?: number } | 'hang' | 'broken' {
    const verdict = this.pod.decide(endpoint, this.time.now());
    this.time.poke();
    switch (verdict.kind) {
      case 'serve':
        return verdict.resetAfterTokens === undefined ? {} : { resetAfterTokens: verdict.resetAfterTokens };
      case 'hang':
        return 'hang';
      case 'crash':
        return 'broken';
      case 'refuse':
        throw new ApiError(verdict.status, verdict.message, {
          headers: verdict.retryAfterS === undefined ? {} : { 'retry-after': String(verdict.retryAfterS) },
        });
    }
  }

  /**
   * Starts a request. The sink is told later, never before this returns.
   * @throws ApiError 400 if it does not fit
   */
  start(
    id: string,
    request: Generation,
    lora: string | undefined,
    rank: number | undefined,
    resetAfterTokens: number | undefined,
    sink: Sink,
  ): Run {
    const { pod, time } = this;
    const answers = planAnswers(request, pod.settings.maxModelLen, this.length);
    let open = answers.length;
    let broken = false;
    const run: Run = {
      id,
      answers,
      promptTokens: request.prompt.length,
      cachedTokens: 0,
      completionTokens: 0,
      blocks: Math.ceil(request.prompt.length / pod.settings.blockSize),
      abort: () => {
        const now = time.now();
        for (const index of answers.keys()) pod.abort(`${id}-${index}`, now);
        time.poke();
      },
    };
    for (const [index, answer] of answers.entries()) {
      const listener = {
        admitted: (sequence: Sequence): void => {
          if (index === 0) run.cachedTokens = sequence.cachedTokens;
        },
        token: (sequence: Sequence): void => {
          if (index === 0 && sequence.output === 1) run.cachedTokens = sequence.cachedTokens + sequence.transferredTokens;
          run.completionTokens++;
          if (!broken) sink.token(index, sequence.output - 1);
        },
        finished: (_sequence: Sequence, _now: number, reason: FinishReason): void => {
          if (broken || reason === 'abort') return;
          if (reason === 'error') {
            broken = true;
            queueMicrotask(() => sink.broken());
            return;
          }
          sink.ended(index);
          open--;
          if (open === 0) sink.done();
        },
      };
      const submission = pod.submit(
        {
          id: `${id}-${index}`,
          content: new TokenContent([...request.prompt, ...answer.tokens], request.prompt.length),
          outputTokens: answer.tokens.length,
          ends: answer.ends,
          n: answers.length,
          ...(request.maxTokens === undefined ? {} : { maxTokens: request.maxTokens }),
          ...(lora === undefined ? {} : { lora }),
          ...(request.salt === undefined ? {} : { salt: request.salt }),
          ...(request.priority === undefined ? {} : { priority: request.priority }),
          ...(request.remotePrefill ? { remotePrefill: true } : {}),
        },
        listener,
        time.now(),
        rank,
        { kind: 'serve', ...(resetAfterTokens === undefined ? {} : { resetAfterTokens }) },
      );
      if (submission.kind !== 'accepted') {
        broken = true;
        queueMicrotask(() => sink.broken());
        break;
      }
    }
    time.poke();
    return run;
  }

  /** Computes a prompt without an answer, as embeddings do. */
  pool(id: string, prompt: readonly number[], lora: string | undefined): { readonly done: Promise<boolean>; abort(): void } {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const { maxModelLen } = this.pod.settings;
    if (prompt.length > maxModelLen) {
      throw new ApiError(400, `This model's maximum context length is ${maxModelLen} tokens, but the input has ${prompt.length} tokens.`, {
        param: 'input',
      });
    }
    const submission = this.pod.submit(
      { id, content: new TokenContent(prompt, prompt.length), outputTokens: 0, ends: 'stop', ...(lora === undefined ? {} : { lora }) },
      { finished: (_sequence, _now, reason) => resolve(reason === 'stop') },
      this.time.now(),
      undefined,
      { kind: 'serve' },
    );
    if (submission.kind !== 'accepted') resolve(false);
    this.time.poke();
    return {
      done: promise,
      abort: () => {
        this.pod.abort(id, this.time.now());
        this.time.poke();
      },
    };
  }
}
