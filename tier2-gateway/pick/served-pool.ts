import type { Endpoint, Serving } from '#core/attempt/backend';
import type { FailureSort } from '#core/attempt/health';
import { GatewayError } from '#core/errors';

import type { PoolMember } from '../pools/pool.ts';
import type { PoolService } from './pool-service.ts';

/** Of a pool whose endpoints nobody could tell yet. */
const UNREAD = 'is not known yet: its endpoints have not been read';

/** What the resources say of the requests to one pool. */
export interface PoolRules {
  /** Priorities by the name of an InferenceObjective. */
  readonly objectives: ReadonlyMap<string, number>;
  /** Name under which the pool's servers know a model (InferenceModelRewrite); undefined: the same name. */
  readonly rewrite: (model: string) => string | undefined;
  /** Whether there is a model that has another name there. */
  readonly renames: boolean;
}

/** One InferencePool as one configuration has it. What is known of its endpoints lives on in the service. */
export class ServedPool implements Serving {
  readonly name: string;
  readonly service: PoolService;
  readonly rules: PoolRules;

  constructor(service: PoolService, rules: PoolRules) {
    this.name = service.pool.name;
    this.service = service;
    this.rules = rules;
  }

  get endpoints(): readonly Endpoint[] {
    const { pool } = this.service;
    return pool.endpoints().flatMap(({ id }) => pool.member(id) ?? []);
  }

  /** Whether there is room is the flow control's to say. */
  hasRoom(): boolean {
    return true;
  }

  /**
   * A pool without a ready endpoint may get one while a request waits; another backend that is there goes first. One that is so new that its
   * endpoints are being read keeps its share.
   */
  available(): boolean {
    const { pool } = this.service;
    return pool.ready > 0 || pool.firstList !== undefined;
  }

  endpoint(now: number, random: () => number): Endpoint {
    const candidates = this.service.pool.candidates(now);
    const chosen = candidates[Math.floor(random() * candidates.length)];
    if (chosen === undefined)
      throw new GatewayError('TK_NO_BACKEND', `pool ${this.name} ${this.service.pool.listed ? 'has no endpoint' : UNREAD}`);
    return chosen;
  }

  started(endpoint: Endpoint, now: number): void {
    this.service.pool.started(endpoint as PoolMember, now);
  }

  ended(endpoint: Endpoint): void {
    this.service.pool.ended(endpoint as PoolMember);
  }

  failed(endpoint: Endpoint, sort: FailureSort, now: number): void {
    this.service.pool.failed(endpoint as PoolMember, sort, now);
  }
}
