/** The metrics of a request. All have the tags `tier` and `part`. Units: milliseconds, tokens. */
export const TRENDS = {
  /** From the sending of a request to the first event with content. */
  ttft: 'llm_ttft',
  /** Between two events with content. */
  gap: 'llm_gap',
  /** (last content − first content) / (output tokens − 1), with the tokens that the answer reports. */
  tpot: 'llm_tpot',
  /** Of a complete answer. */
  total: 'llm_total',
} as const;

export const RATES = {
  /** Complete and within the objectives. */
  good: 'llm_goodput',
  failed: 'llm_failed',
  /** Answered with 429. */
  refused: 'llm_refused',
} as const;

export const COUNTERS = {
  prompt: 'llm_prompt_tokens',
  /** Those of the prompt that the pod had in its prefix cache. */
  cached: 'llm_cached_tokens',
  output: 'llm_output_tokens',
} as const;

/** Counts failed requests, with the tag `class`. */
export const ERRORS = 'llm_errors';
/** Requests that pods still work on some seconds after all clients have gone. */
export const LEFT_RUNNING = 'llm_left_running';

export const ERROR_CLASSES = ['refused', 'client', 'server', 'timeout', 'connection', 'told', 'cut', 'nonsense'] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** What each class is, for the report. */
export const ERROR_MEANING: Readonly<Record<ErrorClass, string>> = {
  refused: 'status 429',
  client: 'another status from 400 to 499',
  server: 'status 500 or above',
  timeout: 'no end in time',
  connection: 'no answer, or the connection broke before its head',
  told: 'a stream that broke and said so, with an error event',
  cut: 'a stream that ended without its end marker and without an error event',
  nonsense: 'status 200, but not an answer of the API',
};

/** The name under which k6 keeps the part of a metric that has these tags. */
export function tagged(metric: string, tags: Readonly<Record<string, string>>): string {
  const list = Object.entries(tags).map(([name, value]) => `${name}:${value}`);
  return `${metric}{${list.join(',')}}`;
}
