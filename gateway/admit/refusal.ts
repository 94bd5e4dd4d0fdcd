import { type ErrorCode, GatewayError } from '#core/errors';
import type { Window } from '#core/limits/window';
import { END_OF_TIME } from '#core/money/calendar';

import type { Item } from './items.ts';
import type { CounterState, Decision } from './store/store.ts';

const LONGEST_WAIT_MS = 366 * 86_400_000;

/** The answer to a request for which too little is left. */
export function refusal(decision: Extract<Decision, { admitted: false }>, items: readonly Item[], code: ErrorCode): GatewayError {
  const { refusedBy, states, retryAfterMs } = decision;
  const item = items[refusedBy]!;
  const state = states[refusedBy]!;
  // A year is no time to wait for.
  const seconds = retryAfterMs === undefined || retryAfterMs > LONGEST_WAIT_MS ? undefined : Math.max(1, Math.ceil(retryAfterMs / 1000));
  const when = seconds === undefined ? 'it admits no such request' : `try again in ${seconds} s`;
  const { unit, name, charge } = item;
  const limit = `${item.amount(state.limit)} ${unit} ${windowText(charge.counter.window)}`;
  return new GatewayError(code, `the limit of ${limit} is reached (${name}); ${when}`, {
    headers: {
      ...limitHeaders(items, states, item),
      ...(seconds === undefined ? {} : { 'retry-after': String(seconds) }),
      // The SDKs of OpenAI and Anthropic ask again by themselves, and do not wait for longer than a minute.
      ...(seconds === undefined || seconds > 60 ? { 'x-should-retry': 'false' } : {}),
    },
  });
}

/**
 * `x-ratelimit-*` of draft-polli-ratelimit-headers-03, as Envoy sends them: those of the count of which the least is left, all limits in
 * `x-ratelimit-limit`.
 *
 * @param tight the one to tell of; undefined: that of which the least share is left
 */
export function limitHeaders(items: readonly Item[], states: readonly CounterState[], tight?: Item): Record<string, string> {
  let index = tight === undefined || tight.silent ? -1 : items.indexOf(tight);
  let share = Number.POSITIVE_INFINITY;
  let all = '';
  for (let at = 0; at < items.length; at++) {
    const { charge, silent } = items[at]!;
    const { limit, remaining } = states[at]!;
    if (silent) continue;
    all += `, ${limit};w=${windowSeconds(charge.counter.window)}`;
    const left = limit === 0 ? 0 : remaining / limit;
    if (tight !== undefined || left >= share) continue;
    share = left;
    index = at;
  }
  if (index === -1) return {};
  const { limit, remaining, resetMs } = states[index]!;
  return {
    'x-ratelimit-limit': `${limit}${all}`,
    'x-ratelimit-remaining': String(remaining),
    'x-ratelimit-reset': String(Math.ceil(resetMs / 1000)),
  };
}

function windowSeconds(window: Window): number {
  if (window.kind === 'sliding') return Math.ceil(window.lengthMs / 1000);
  const { start, end } = window.at(Date.now());
  return end < END_OF_TIME ? Math.round((end - start) / 1000) : 0;
}

const NAMES: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'day'],
  [3600, 'hour'],
  [60, 'minute'],
  [1, 'second'],
];

function windowText(window: Window): string {
  if (window.kind === 'calendar') {
    const { end } = window.at(Date.now());
    return end < END_OF_TIME ? `until ${new Date(end).toISOString()}` : 'in all';
  }
  const seconds = window.lengthMs / 1000;
  const known = NAMES.find(([length]) => length === seconds);
  return known === undefined ? `in ${seconds} s` : `per ${known[1]}`;
}
