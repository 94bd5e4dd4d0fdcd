import { type Failure, retryAfterMs, sortOf } from '#core/attempt/failure';
import type { Facts } from '#core/attempt/call';
import type { Usage } from '#core/llm/usage';
import { usageOf } from '#core/serve/settle';

import { parseEndpoint } from '../epp/endpoints.ts';
import type { AnswerWatch, ServedInfo } from '../epp/served-pick.ts';
import type { PodPicking } from '../pick/pod-picking.ts';
import type { PoolMember } from '../pools/pool.ts';
import { type AnswerReader, answerReader } from './answer.ts';
import { type Asked, fieldsOf } from './asked.ts';
import { type Renamer, renamerFor } from './renamer.ts';

export interface PassageParts {
  readonly asked: Asked;
  readonly picking: PodPicking;
  /** The endpoints that the gateway was given. */
  readonly given: readonly string[];
  /** Of the prompt, as it was counted for the pick. */
  readonly inputTokens: number;
  /** The client's name for the model, where the answer has another one and can be changed. */
  readonly restore: string | undefined;
  /** Called once, when nothing more is heard. @param status of the answer; 499 where there was none, or not all of it */
  readonly over: (status: number, usage?: Usage) => void;
}

/** A request at the endpoint to which its gateway took it: what its answer tells the picker, the queue, and the pool's health. */
export class Passage implements AnswerWatch {
  readonly #parts: PassageParts;
  #member: PoolMember | undefined;
  #reader: AnswerReader | undefined;
  #renamer: Renamer | undefined;
  #status = 0;

  constructor(parts: PassageParts) {
    this.#parts = parts;
    this.#enter(parts.picking.member);
  }

  head({ served, status, headers }: ServedInfo): readonly string[] | undefined {
    // A second head would be the gateway's mistake.
    if (this.#status !== 0) return undefined;
    this.#status = status;
    const at = served === undefined ? undefined : parseEndpoint(served.trim());
    if (at !== undefined && at !== this.#parts.picking.member?.endpoint.id) this.#move(at);
    const fields = fieldsOf(headers);
    const { asked, picking, restore } = this.#parts;
    if (status === 429 || status === 503 || status === 529) {
      const wait = retryAfterMs(fields, Date.now());
      if (wait !== undefined) this.#member?.health.coolDown(Date.now(), wait);
    } else if (status >= 200 && status < 300) {
      this.#reader = answerReader(asked.endpoint, fields, picking);
      if (restore !== undefined) this.#renamer = renamerFor(fields, restore);
    }
    return this.#renamer === undefined ? undefined : ['content-length'];
  }

  /** The gateway walked the list: those before this one failed it; or it chose for itself. */
  #move(at: string): void {
    const { picking, given } = this.#parts;
    const failed = given.includes(at);
    const from = this.#member;
    this.#leave(failed ? { reason: 'connect', message: 'the gateway went on to another endpoint' } : undefined, false);
    picking.wentTo(at, failed && from !== undefined ? 'connect' : undefined);
    this.#enter(picking.member);
  }

  data(chunk: Buffer, last: boolean): Buffer | undefined {
    if (chunk.length > 0) this.#reader?.data(chunk);
    return this.#renamer?.push(chunk, last);
  }

  end(how: 'complete' | 'aborted'): void {
    const { picking, over } = this.#parts;
    const gone = how === 'aborted';
    let facts: Facts | undefined;
    try {
      const failure = gone ? undefined : this.#failure();
      this.#leave(failure, how === 'complete');
      facts = this.#facts(how === 'complete' && failure === undefined);
      picking.ended({ failure, clientGone: gone, facts });
      picking.close(facts?.usage?.total);
    } finally {
      over(gone ? 499 : this.#status, facts?.usage);
    }
  }

  #failure(): Failure | undefined {
    const status = this.#status;
    if (status < 400) return this.#reader?.end();
    return { reason: 'status', message: `the answer has the status ${status}`, answer: { status, headers: {}, body: Buffer.alloc(0) } };
  }

  /** What was reported, else what was seen: then the prompt is taken for what the picker counted. */
  #facts(complete: boolean): Facts | undefined {
    if (this.#reader === undefined) return undefined;
    const { facts, tokens } = this.#reader;
    const usage = usageOf({ complete, facts, tokens });
    if (usage === undefined || usage.input !== undefined) return { model: facts.model, usage };
    return { model: facts.model, usage: { ...usage, total: this.#parts.inputTokens + (usage.output ?? 0) } };
  }

  #enter(member: PoolMember | undefined): void {
    this.#member = member;
    if (member !== undefined) this.#parts.picking.pool.started(member, Date.now());
  }

  #leave(failure: Failure | undefined, succeeded: boolean): void {
    const member = this.#member;
    if (member === undefined) return;
    this.#member = undefined;
    const { pool } = this.#parts.picking;
    const sort = failure === undefined ? undefined : sortOf(failure);
    if (sort !== undefined) pool.failed(member, sort, Date.now());
    else if (succeeded && failure === undefined) member.health.succeeded();
    else member.health.neutral();
    pool.ended(member);
  }
}
