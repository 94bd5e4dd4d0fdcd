/**
 * What a candidate's cost is made of, in this order in the table. The first ones are costs that add up to `total`
 * (cost.ts); of the estimates behind it, `estTtft` and `estTpot` are milliseconds.
 */
export const TERMS = [
  'queue',
  'prefill',
  'wait',
  'decode',
  'interference',
  'eviction',
  'lora',
  'failure',
  'slowStart',
  'slo',
  'session',
  'total',
  'estTtft',
  'estTpot',
  'matchedTokens',
  'confidence',
] as const;

export type Term = (typeof TERMS)[number];

export const TERM: Readonly<Record<Term, number>> = Object.fromEntries(TERMS.map((name, index) => [name, index])) as Record<Term, number>;

/** Terms that add up to the total. */
const COST_TERMS = TERMS.slice(0, TERM.total);

export interface DecisionCandidate {
  readonly id: string;
  readonly chosen: boolean;
  readonly terms: Readonly<Record<Term, number>>;
}

export interface DecisionEvent {
  readonly at: number;
  readonly what: string;
}

/** Why a request went where it went, and what came of it. */
export interface Decision {
  readonly requestId: string;
  readonly at: number;
  readonly model: string;
  readonly lora?: string;
  readonly priority: number;
  readonly inputTokens: number;
  /** Best first. */
  readonly candidates: readonly DecisionCandidate[];
  /** Endpoints that were no candidates, and why. */
  readonly excluded: readonly { readonly id: string; readonly why: string }[];
  /** In words. */
  readonly reason: string;
  readonly events: readonly DecisionEvent[];
}

/** Events of one request that are kept. */
const MAX_EVENTS = 16;
/** Candidates of all decisions that are kept, about a hundred bytes each: of a pool of thousands fewer decisions are kept. */
const MAX_CANDIDATES = 400_000;

/** One decision while it is in the ring. Its memory is used again for a later one: nothing is allocated per candidate. */
export class DecisionRecord {
  requestId = '';
  at = 0;
  model = '';
  lora: string | undefined;
  priority = 0;
  inputTokens = 0;
  /** One row of terms per candidate. */
  terms = new Float64Array(0);
  readonly ids: string[] = [];
  /** Row of the chosen one, or -1. */
  chosen = -1;
  /** Candidates of equal cost, the chosen one among them. */
  ties = 0;
  excluded: { id: string; why: string }[] = [];
  events: DecisionEvent[] = [];

  start(requestId: string, at: number, candidates: number): void {
    this.requestId = requestId;
    this.at = at;
    if (this.terms.length < candidates * TERMS.length) this.terms = new Float64Array(candidates * TERMS.length);
    this.ids.length = 0;
    this.chosen = -1;
    this.ties = 0;
    this.excluded = [];
    this.events = [];
  }

  term(row: number, term: Term): number {
    return this.terms[row * TERMS.length + TERM[term]]!;
  }

  event(at: number, what: string): void {
    if (this.events.length < MAX_EVENTS) this.events.push({ at, what });
  }

  decision(): Decision {
    const rows = this.ids.map((_, row) => row).sort((one, other) => this.term(one, 'total') - this.term(other, 'total'));
    return {
      requestId: this.requestId,
      at: this.at,
      model: this.model,
      ...(this.lora !== undefined && { lora: this.lora }),
      priority: this.priority,
      inputTokens: this.inputTokens,
      candidates: rows.map((row) => ({
        id: this.ids[row]!,
        chosen: row === this.chosen,
        terms: Object.fromEntries(TERMS.map((term) => [term, this.term(row, term)])) as Record<Term, number>,
      })),
      excluded: this.excluded,
      reason: this.#reason(rows),
      events: [...this.events],
    };
  }

  #reason(rows: readonly number[]): string {
    if (this.chosen < 0) return 'no endpoint may serve the request';
    if (rows.length === 1) return 'the only candidate';
    if (this.ties > 1)
      return `one of ${this.ties} of equal cost (${cost(this.term(this.chosen, 'total'))}): the less loaded of two at random`;
    const next = rows.find((row) => row !== this.chosen)!;
    const saved = (term: Term): number => this.term(next, term) - this.term(this.chosen, term);
    const most = COST_TERMS.reduce((one, other) => (saved(other) > saved(one) ? other : one));
    const total = `cost ${cost(this.term(this.chosen, 'total'))} against ${cost(this.term(next, 'total'))} of ${this.ids[next]}`;
    return `${total}, mostly by ${most} (${cost(saved(most))} less)`;
  }
}

/** No time: a millisecond before the first token counts several times (`ttftWeight`). */
function cost(value: number): string {
  return value.toFixed(1);
}

/** The last decisions. */
export class DecisionRing {
  readonly #records: DecisionRecord[] = [];
  readonly #byRequest = new Map<string, DecisionRecord>();
  readonly #size: number;
  #next = 0;

  constructor(size: number) {
    // One at least: it is also where costs are computed.
    this.#size = Math.max(1, size);
  }

  /** The record for a new decision, taken from the oldest. */
  start(requestId: string, at: number, candidates: number): DecisionRecord {
    const size = Math.max(1, Math.min(this.#size, Math.floor(MAX_CANDIDATES / Math.max(1, candidates))));
    for (const { requestId: id } of this.#records.splice(size)) this.#byRequest.delete(id);
    if (this.#next >= size) this.#next = 0;
    const record = (this.#records[this.#next] ??= new DecisionRecord());
    this.#next++;
    if (this.#byRequest.get(record.requestId) === record) this.#byRequest.delete(record.requestId);
    record.start(requestId, at, candidates);
    this.#byRequest.set(requestId, record);
    return record;
  }

  find(requestId: string): Decision | undefined {
    return this.#byRequest.get(requestId)?.decision();
  }
}
