import { Counter, Gauge, Rate, Trend } from 'k6/metrics';

import { COUNTERS, ERRORS, LEFT_RUNNING, RATES, TRENDS } from '../plan/metrics.ts';
import type { Settings } from '../plan/settings.ts';
import type { Answer } from './chat.ts';

const ttft = new Trend(TRENDS.ttft, true);
const gap = new Trend(TRENDS.gap, true);
const tpot = new Trend(TRENDS.tpot, true);
const total = new Trend(TRENDS.total, true);
const good = new Rate(RATES.good);
const failed = new Rate(RATES.failed);
const refused = new Rate(RATES.refused);
const promptTokens = new Counter(COUNTERS.prompt);
const cachedTokens = new Counter(COUNTERS.cached);
const outputTokens = new Counter(COUNTERS.output);
const errors = new Counter(ERRORS);
export const leftRunning = new Gauge(LEFT_RUNNING);

/** Counts an answer. The tags are those of the k6 scenario. */
export function measure(answer: Answer, objectives: Settings): void {
  const { failure, usage, contentAt, totalMs, left } = answer;
  failed.add(failure !== undefined);
  refused.add(failure === 'refused');
  if (failure !== undefined) errors.add(1, { class: failure });
  good.add(failure === undefined && isWithin(answer, objectives));

  const first = contentAt[0];
  if (first !== undefined) ttft.add(first);
  for (let index = 1; index < contentAt.length; index++) gap.add(contentAt[index]! - contentAt[index - 1]!);
  const pace = paceOf(answer);
  if (pace !== undefined) tpot.add(pace);
  if (failure === undefined && !left) total.add(totalMs);

  promptTokens.add(usage?.prompt_tokens ?? 0);
  cachedTokens.add(usage?.prompt_tokens_details?.cached_tokens ?? 0);
  outputTokens.add(usage?.completion_tokens ?? 0);
}

/** Time for each token after the first; undefined where the first one was not seen. */
function paceOf({ contentAt, usage, left }: Answer): number | undefined {
  const [first, last] = [contentAt[0], contentAt.at(-1)];
  // Who leaves gets no usage: an event is a token then.
  const tokens = left ? contentAt.length : (usage?.completion_tokens ?? contentAt.length);
  return first === undefined || last === undefined || tokens < 2 ? undefined : (last - first) / (tokens - 1);
}

/** A whole answer has as much time as a stream that meets the objectives. */
function isWithin(answer: Answer, { ttftMs, tpotMs }: Settings): boolean {
  const [first] = answer.contentAt;
  if (first !== undefined) return first <= ttftMs && (paceOf(answer) ?? 0) <= tpotMs;
  return answer.totalMs <= ttftMs + tpotMs * Math.max(0, (answer.usage?.completion_tokens ?? 1) - 1);
}
