import { randomBytes } from 'node:crypto';

/** Where a span of another process stands. */
export interface RemoteParent {
  /** 32 hexadecimal digits. */
  readonly traceId: string;
  /** 16 hexadecimal digits; undefined: it is only known whether the trace is sampled (B3). */
  readonly spanId: string | undefined;
  /** Undefined: its beginner left that to others (B3). */
  readonly sampled: boolean | undefined;
}

const NO_TRACE = '0'.repeat(32);
const NO_SPAN = '0'.repeat(16);
const TRACEPARENT = /^([\da-f]{2})-([\da-f]{32})-([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/**
 * The parent that a `traceparent` names; undefined where there is none, or a malformed one: a new trace begins then.
 * @see https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function parseTraceparent(header: string | string[] | undefined): RemoteParent | undefined {
  if (typeof header !== 'string' || header.length < 55 || header.length > 512) return undefined;
  const match = TRACEPARENT.exec(header);
  if (match === null) return undefined;
  const [, version, traceId, spanId, flags, more] = match;
  // Later versions may have more fields; this one has none, and ff is no version.
  if (version === 'ff' || (version === '00' && more !== undefined) || traceId === NO_TRACE || spanId === NO_SPAN) return undefined;
  return { traceId: traceId!, spanId: spanId!, sampled: (Number.parseInt(flags!, 16) & 1) === 1 };
}

export function traceparent(traceId: string, spanId: string, sampled: boolean): string {
  return `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
}

/** Member of `tracestate` that says: a gateway of ours in front of you counts the tokens of this model call. */
const MEMBER = 'tierkit=llm';
const MOST_STATE = 512;
const STATE = /^[\u0020-\u007e\t]*$/;

/** Whether a gateway in front counts the tokens. */
export function countsInFront(tracestate: string | string[] | undefined): boolean {
  return typeof tracestate === 'string' && tracestate.length <= MOST_STATE && members(tracestate).includes(MEMBER);
}

/**
 * `tracestate` for a backend: ours first, then what came. What is too long or no text is dropped, as the recommendation allows.
 * @see https://www.w3.org/TR/trace-context/#tracestate-header
 */
export function tracestate(came: string | string[] | undefined): string {
  if (typeof came !== 'string' || came === '' || came.length > MOST_STATE || !STATE.test(came)) return MEMBER;
  return [MEMBER, ...others(came).slice(0, 31)].join(',');
}

/** `tracestate` for whoever is no backend of the model call: that its tokens are counted says nothing of calls that are made there. */
export function stateOfOthers(came: string | string[] | undefined): string | undefined {
  if (typeof came !== 'string' || came === '' || came.length > MOST_STATE || !STATE.test(came)) return undefined;
  return others(came).slice(0, 32).join(',') || undefined;
}

function others(state: string): string[] {
  return members(state).filter((member) => !member.startsWith('tierkit='));
}

function members(state: string): string[] {
  return state
    .split(',')
    .map((member) => member.trim())
    .filter((member) => member !== '');
}

const POOL_BYTES = 8192;
let pool = '';
let used = 0;

/** Random bytes are drawn for many ids at once: one call of the kernel each would be felt. */
function digits(count: number): string {
  if (used + count > pool.length) {
    pool = randomBytes(POOL_BYTES).toString('hex');
    used = 0;
  }
  const id = pool.slice(used, used + count);
  used += count;
  return id;
}

export function newTraceId(): string {
  const id = digits(32);
  return id === NO_TRACE ? newTraceId() : id;
}

export function newSpanId(): string {
  const id = digits(16);
  return id === NO_SPAN ? newSpanId() : id;
}
