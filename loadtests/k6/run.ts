/**
 * `npm run load -- SCENARIO [OPTION…]`: finds k6, starts what is not there, runs the scenario, writes the report, and stops what it has
 * started. Exit code: 0 passed, 1 a threshold was crossed or it could not run, 2 the command line is wrong.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';

import { machine } from '../bench/machine.ts';
import { CROSSED, findK6, K6_MISSING, type K6, startK6 } from './k6.ts';
import { LOAD_HELP, type LoadOptions, readLoadOptions } from './options.ts';
import { addressesOf, isThere } from './plan/addresses.ts';
import { endOf } from './plan/part.ts';
import { type Plan, planOf } from './plan/plan.ts';
import { settingsOf } from './plan/settings.ts';
import { type JobPlace, NoJob, runJob, toldTo } from './platform/job.ts';
import { NoPlatform, startTargets, type Started } from './platform/start.ts';
import { type Samples, Watch } from './platform/watch.ts';
import { InvalidSummary } from './report/figures.ts';
import { html } from './report/html.ts';
import { markdown } from './report/markdown.ts';
import { type About, type Report, reportOf } from './report/report.ts';

const HERE = import.meta.dirname;
/** For setup, teardown, and answers under way at the end. */
const BESIDE_S = 180;

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** It cannot go on: told in one line. */
class Stop extends Error {}

/** Ends what runs in good order. */
let stop: (() => void) | undefined;
let interruptedBy: NodeJS.Signals | undefined;

/** The first signal lets k6 run its teardown, which heals the pods; another one, or one at another time, ends all at once. */
function interrupt(signal: NodeJS.Signals): void {
  if (stop === undefined || interruptedBy !== undefined) process.exit(130);
  interruptedBy = signal;
  stop();
}

/** A k6, here or elsewhere. */
interface Engine extends Pick<K6, 'version' | 'canStream'> {
  /** @param mostS seconds after which it is ended */
  run(scenario: string, env: NodeJS.ProcessEnv, mostS: number): Promise<Ran>;
}

interface Ran {
  readonly code: number;
  readonly summary: unknown;
  readonly samples: Samples;
}

async function main(args: readonly string[]): Promise<number> {
  const options = readLoadOptions(args);
  const { job } = options;
  if (job !== undefined) {
    const told = toldTo(process.env);
    if ((told['BASE_URL'] ?? '') === '')
      throw new Stop('--job needs BASE_URL: an address of tier one that pods reach, such as http://tier-one.tierkit-tier-one.svc');
    const nothing: Started = { env: {}, pids: new Map(), what: whereOf(job), tenants: undefined, stop: async () => undefined };
    const engine = jobEngine(job);
    checkStreams(engine, options);
    return load(options, engine, nothing, told, args);
  }
  const k6 = findK6(process.env);
  if (k6 === undefined) throw new Stop(K6_MISSING);
  checkStreams(k6, options);
  const started = await startTargets({ ...options, env: { ...process.env, ...options.env }, say });
  try {
    return await load(options, localEngine(k6, started), started, process.env, args);
  } finally {
    await started.stop();
  }
}

/** Before anything is started. */
function checkStreams({ version, canStream }: Pick<K6, 'version' | 'canStream'>, { scenario }: LoadOptions): void {
  if (canStream) return;
  say(`${version} has no k6/x/sse, or SSE=no: streams are read as a whole, without times to first token (loadtests/k6/README.md)`);
  if (scenario.needs.includes('sse')) throw new Stop(`${scenario.name} needs a k6 with k6/x/sse`);
}

function whereOf({ context, namespace, image }: JobPlace): string {
  return `k6 as a Job in namespace ${namespace}${context === undefined ? '' : ` of ${context}`}, image ${image}`;
}

async function load(
  options: LoadOptions,
  engine: Engine,
  started: Started,
  outside: NodeJS.ProcessEnv,
  args: readonly string[],
): Promise<number> {
  const { scenario } = options;
  const env = { ...outside, ...options.env, ...started.env };
  const addresses = addressesOf(env);
  const plan = planOf(scenario.name, env, addresses);
  for (const need of ['pods', 'tenants'] as const) {
    const isMissing = need === 'pods' ? addresses.pods.length === 0 : addresses.tenants === undefined;
    if (scenario.needs.includes(need) && isMissing)
      throw new Stop(`${scenario.name} needs ${need === 'pods' ? 'POD_URLS' : 'TENANTS_URL'}`);
  }
  const leftOut = settingsOf(env, scenario.defaults).tiers.filter((tier) => scenario.needs.length === 0 && !isThere(addresses, tier));
  const aboutS = Math.ceil(endOf(plan.parts));
  say(`${scenario.name}: ${scenario.question} About ${aboutS} s, ${engine.version}, ${started.what}.`);

  const { code, summary, samples } = await engine.run(scenario.name, env, aboutS + BESIDE_S).finally(() => (stop = undefined));
  if (interruptedBy !== undefined) throw new Stop(`stopped by ${interruptedBy}`);
  if (code !== 0 && code !== CROSSED) throw new Stop(`k6 ended with exit code ${code}; what it wrote is above`);
  const about = aboutOf(engine, started, leftOut, args);
  writeReport(plan, { summary, about, samples, tokensAnHour: started.tenants?.tokensAnHour }, options.out);
  return code === 0 ? 0 : 1;
}

function localEngine(k6: K6, { pids }: Started): Engine {
  return {
    ...k6,
    async run(scenario, env, mostS) {
      const folder = mkdtempSync(join(tmpdir(), 'tierkit-k6-'));
      try {
        const file = join(folder, 'summary.json');
        const script = join(HERE, 'scenarios', `${scenario}.ts`);
        const { child, ended } = startK6(k6, { script, summary: file, env, mostMs: mostS * 1000 });
        stop = () => child.kill('SIGINT');
        // k6 as well: where it is the busiest of all, it is what is measured.
        const watched = new Map([...pids, ...(child.pid === undefined ? [] : [['k6', child.pid] as const])]);
        const watch = new Watch(watched, Math.max(1000, (mostS - BESIDE_S) * 2));
        let samples: Samples = {};
        const code = await ended.finally(() => (samples = watch.stop()));
        return { code, samples, summary: code === 0 || code === CROSSED ? readJson(file) : undefined };
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function jobEngine(place: JobPlace): Engine {
  const canStream = process.env['SSE'] === 'yes';
  return {
    version: 'k6',
    canStream,
    async run(scenario, env, mostSeconds) {
      const end = new AbortController();
      stop = () => end.abort();
      const told = { ...toldTo(env), ...(canStream ? {} : { SSE: 'no' }) };
      return { ...(await runJob({ ...place, scenario, env: told, mostSeconds }, end.signal)), samples: {} };
    },
  };
}

function aboutOf(k6: Pick<K6, 'version' | 'canStream'>, started: Started, leftOut: readonly string[], args: readonly string[]): About {
  const { date, cpu, cores, memoryGib, kernel, node, commit } = machine();
  return {
    date: `${date} UTC`,
    machine: `${cpu}, ${cores} cores, ${memoryGib} GiB, Linux ${kernel}, Node ${node}${commit === undefined ? '' : `, commit ${commit}`}`,
    k6: k6.version,
    command: `npm run load -- ${args.join(' ')}`,
    target: started.what,
    canStream: k6.canStream,
    leftOut,
  };
}

interface Outcome {
  readonly summary: unknown;
  readonly about: About;
  readonly samples: Samples;
  readonly tokensAnHour: number | undefined;
}

function writeReport(plan: Plan, { summary, about, samples, tokensAnHour }: Outcome, out: string | undefined): void {
  const report: Report = reportOf(summary, plan, about, samples, tokensAnHour);
  const folder = out === undefined ? join(HERE, 'results', plan.scenario.name) : resolve(out);
  mkdirSync(folder, { recursive: true });
  const write = (file: string, text: string): void => writeFileSync(join(folder, file), text);
  write('summary.json', JSON.stringify(summary, undefined, 2));
  write('report.html', html(report));
  write('report.md', markdown(report));
  for (const { name, svg } of report.charts) write(`${name}.svg`, svg);
  process.stdout.write(markdown({ ...report, charts: [] }));
  say(`report: ${relative(process.cwd(), join(folder, 'report.html'))}`);
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new Stop(`k6 has written no summary: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const args = process.argv.slice(2);
if (args.includes('--help')) process.stdout.write(LOAD_HELP);
else {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt);
  try {
    process.exitCode = await main(args);
  } catch (error) {
    if (
      !(
        error instanceof TypeError ||
        error instanceof Stop ||
        error instanceof NoPlatform ||
        error instanceof NoJob ||
        error instanceof InvalidSummary
      )
    )
      throw error;
    say(`load: ${error.message}`);
    process.exitCode = error instanceof TypeError ? 2 : 1;
  }
}
