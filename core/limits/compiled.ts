import { hash } from 'node:crypto';

import type { RateLimitUnit } from '../resources/envoy-gateway/rate-limit.ts';
import type { Resource } from '../resources/kind.ts';
import { givenLimit } from './given-limit.ts';
import { type Cost, type LimitedRequest, type LimitRule, MAX_ID_BYTES } from './rule.ts';
import type { Selector } from './selector.ts';
import { sliding, UTC_MONTH, UTC_YEAR, type Window } from './window.ts';

export const WINDOWS: Readonly<Record<RateLimitUnit, Window>> = Object.freeze({
  Second: sliding(1000),
  Minute: sliding(60_000),
  Hour: sliding(3_600_000),
  Day: sliding(86_400_000),
  Month: UTC_MONTH,
  Year: UTC_YEAR,
});

/** Where a limit stands, for what has to be told of it. */
export interface Origin {
  readonly policy: Resource;
  /** Of the rule: `spec.rateLimit.global.rules[0]`. */
  readonly path: string;
}

export interface CompiledLimitOptions {
  readonly id: string;
  readonly name: string;
  readonly origin: Origin;
  readonly shared: boolean;
  readonly shadow: boolean;
  readonly silent: boolean;
  readonly unit: string;
  readonly units: number;
  readonly per: RateLimitUnit;
  readonly selector: Selector;
  readonly requestCost: number;
  readonly responseCost: Cost | undefined;
  /** The key of llmRequestCosts that the answer's cost is, also where the route has no such key. */
  readonly costKey?: string | undefined;
  /** Key of the claims that may give another limit. */
  readonly given?: string | undefined;
  /** Whether the rule holds only where the client's token gives a limit in the unit {@link per}. */
  readonly onlyGiven?: boolean;
  readonly models?: ModelCondition | undefined;
  readonly anyOf?: string | undefined;
}

/** The models that a limit holds for, where a backend is asked for the model that the client names. */
export interface ModelCondition {
  readonly names: ReadonlySet<string>;
  /** Holds for all but those. */
  readonly except: boolean;
}

/** A limit as it was compiled, of one shape whatever it came from. */
export class CompiledLimit implements LimitRule {
  readonly id: string;
  readonly name: string;
  readonly origin: Origin;
  readonly shared: boolean;
  readonly shadow: boolean;
  readonly silent: boolean;
  readonly unit: string;
  readonly window: Window;
  readonly requestCost: number;
  readonly responseCost: Cost | undefined;
  readonly costKey: string | undefined;
  readonly anyOf: string | undefined;
  readonly #units: number;
  readonly #per: RateLimitUnit;
  readonly #selector: Selector;
  readonly #given: string | undefined;
  readonly #onlyGiven: boolean;
  readonly #models: ModelCondition | undefined;

  constructor(options: CompiledLimitOptions) {
    this.id = boundId(options.id);
    this.name = options.name;
    this.origin = options.origin;
    this.shared = options.shared;
    this.shadow = options.shadow;
    this.silent = options.silent;
    this.unit = options.unit;
    this.window = WINDOWS[options.per];
    this.requestCost = options.requestCost;
    this.responseCost = options.responseCost;
    this.costKey = options.costKey;
    this.anyOf = options.anyOf;
    this.#units = options.units;
    this.#per = options.per;
    this.#selector = options.selector;
    this.#given = options.given;
    this.#onlyGiven = options.onlyGiven ?? false;
    this.#models = options.models;
    Object.freeze(this);
  }

  /** As {@link Selector.clientNamed}. */
  get clientNamed(): readonly string[] {
    return this.#selector.clientNamed;
  }

  subject(request: LimitedRequest): string | undefined {
    const models = this.#models;
    if (models !== undefined && (request.model === undefined || models.names.has(request.model) === models.except)) return undefined;
    if (this.#given !== undefined) {
      const given = givenLimit(this.#given, request.identity.token);
      if (given === undefined ? this.#onlyGiven : given.per !== this.#per) return undefined;
    }
    return this.#selector.subject(request);
  }

  limit(request: LimitedRequest): number {
    if (this.#given === undefined) return this.#units;
    return givenLimit(this.#given, request.identity.token)?.units ?? this.#units;
  }
}

function boundId(id: string): string {
  if (Buffer.byteLength(id) <= MAX_ID_BYTES) return id;
  return `${id.slice(0, id.indexOf('/'))}/#${hash('sha256', id, 'base64url')}`;
}
