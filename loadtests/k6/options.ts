import { parseOptions } from '#core/options';
import { didYouMean } from '#core/resources/nearest';
import { durationMs, isDuration } from '#core/resources/schema';

import type { JobPlace } from './platform/job.ts';
import { type Scenario, SCENARIOS } from './plan/scenarios.ts';
import { tiersOf, VARIABLES } from './plan/settings.ts';

const WIDEST = Math.max(...SCENARIOS.map(({ name }) => name.length));

const K6_IMAGE = 'grafana/k6:2.1.0';

export const LOAD_HELP = `Usage: npm run load -- SCENARIO [OPTION…]

Puts a load on both tiers, on each of them alone, and on the pods directly, with k6; then writes a report. Starts the platform of
\`npm start\` where nothing answers on its port, and stops it afterwards.

Scenarios
${SCENARIOS.map(({ name, question }) => `  ${name.padEnd(WIDEST)}   ${question}`).join('\n')}

  --duration DURATION   of each part, such as 30s (for each tier, step or phase; at most 2h)
  --rate N              requests that arrive in a second; of ramp: the highest
  --vus N               most requests under way at one time (default 300)
  --tiers LIST          of pods,two,one,both (default: the scenario's)
  --rounds N            how many times the tiers take turns (default 2)
  --model NAME          (default demo-small)
  --max-tokens N        of each answer (default 64)
  --ttft DURATION       objective: time to the first token (default 500ms)
  --tpot DURATION       objective: time for each further token (default 50ms)
  --speed FACTOR        of simulated pods that are started here: how many times faster than in reality (default 1)
  --own                 start a platform on any free ports, also where one answers
  --out FOLDER          of the report (default loadtests/k6/results/SCENARIO)
  --job                 run k6 in a cluster, as a Job by kubectl: BASE_URL is then an address that pods reach
  --context NAME        of kubectl (default: its current one)
  --namespace NAME      of the Job, which has to be there (default: default)
  --image IMAGE         with k6 as its entry point (default ${K6_IMAGE}; SSE=yes for one that has k6/x/sse)

K6 names the k6 to use, unless it is on PATH. BASE_URL, TIER_TWO_URL, TIER_ONE_URL, POD_URLS and TENANTS_URL (with API_KEY,
TIER_TWO_API_KEY, TENANT_KEYS) name another platform: then nothing is started. K6_PROMETHEUS_RW_SERVER_URL sends the metrics to a
Prometheus while it runs.
`;

const OPTIONS = {
  duration: { type: 'string' },
  rate: { type: 'string' },
  vus: { type: 'string' },
  tiers: { type: 'string' },
  rounds: { type: 'string' },
  model: { type: 'string' },
  'max-tokens': { type: 'string' },
  ttft: { type: 'string' },
  tpot: { type: 'string' },
  speed: { type: 'string', default: '1' },
  own: { type: 'boolean', default: false },
  out: { type: 'string' },
  job: { type: 'boolean', default: false },
  context: { type: 'string' },
  namespace: { type: 'string' },
  image: { type: 'string' },
} as const;

const MOST_SECONDS = 7200;

export interface LoadOptions {
  readonly scenario: Scenario;
  /** For the scripts: settings that differ from the scenario's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly speed: number;
  readonly own: boolean;
  readonly out: string | undefined;
  /** Where k6 runs; undefined: here. */
  readonly job: JobPlace | undefined;
}

/** @throws TypeError in one line: what, why, and the nearest valid name */
export function readLoadOptions(args: readonly string[]): LoadOptions {
  const { values, positionals } = parseOptions(args, OPTIONS, true);
  const names = SCENARIOS.map(({ name }) => name);
  const [name, another] = positionals;
  if (name === undefined) throw new TypeError(`give a scenario: ${names.join(', ')}`);
  if (another !== undefined) throw new TypeError(`give one scenario, not ${positionals.join(' and ')}`);
  const scenario = SCENARIOS.find((each) => each.name === name);
  if (scenario === undefined)
    throw new TypeError(`no scenario is called "${name}"${didYouMean(name, names)} (there are ${names.join(', ')})`);

  const env: Record<string, string> = {};
  const put = (key: keyof typeof VARIABLES, value: string | number | undefined): void => {
    if (value !== undefined) env[VARIABLES[key]] = String(value);
  };
  const seconds = milliseconds('duration', values.duration, '30s');
  if (seconds !== undefined && seconds / 1000 > MOST_SECONDS)
    throw new TypeError(`--duration must be at most 2h, not "${values.duration}"`);
  put('seconds', seconds === undefined ? undefined : seconds / 1000);
  put('rate', above('rate', values.rate));
  put('vus', whole('vus', values.vus));
  put('rounds', whole('rounds', values.rounds));
  put('tiers', tiersOf(values.tiers, '--tiers')?.join(','));
  put('model', values.model);
  put('maxTokens', whole('max-tokens', values['max-tokens']));
  put('ttftMs', milliseconds('ttft', values.ttft, '500ms'));
  put('tpotMs', milliseconds('tpot', values.tpot, '50ms'));
  return { scenario, env, speed: above('speed', values.speed) ?? 1, own: values.own, out: values.out, job: jobOf(values) };
}

function jobOf(values: { job: boolean; own: boolean; context?: string; namespace?: string; image?: string }): JobPlace | undefined {
  const { job, own, context, namespace = 'default', image = K6_IMAGE } = values;
  if (job) {
    if (own) throw new TypeError('--own starts a platform here, where --job does not reach it');
    return { context, namespace, image };
  }
  const alone = (['context', 'namespace', 'image'] as const).find((name) => values[name] !== undefined);
  if (alone !== undefined) throw new TypeError(`--${alone} is for --job`);
  return undefined;
}

function milliseconds(name: string, text: string | undefined, example: string): number | undefined {
  if (text === undefined) return undefined;
  const ms = isDuration(text) ? durationMs(text) : 0;
  if (ms > 0) return ms;
  throw new TypeError(`--${name} must be a duration above 0 such as ${example}, not "${text}"`);
}

function above(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (value > 0 && Number.isFinite(value)) return value;
  throw new TypeError(`--${name} must be a number above 0, not "${text}"`);
}

function whole(name: string, text: string | undefined): number | undefined {
  const value = above(name, text);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new TypeError(`--${name} must be a whole number above 0, not "${text}"`);
}
