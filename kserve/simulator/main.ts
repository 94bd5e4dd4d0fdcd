import { pathToFileURL } from 'node:url';

import { parseOptions } from '#core/options';
import { didYouMean } from '#core/resources/nearest';

import { PROFILES } from './engine/profile.ts';
import { readFailures } from './failures.ts';
import { startPods, type PodHandle, type StartOptions } from './start.ts';

export const SIM_HELP = `Usage: tierkit sim [OPTION…]

Serves simulated vLLM pods: continuous batching, prefix cache, preemption and LoRA slots, without a GPU. Answers are readable and always
the same for the same prompt; times follow a profile. See /metrics, and /admin/config for failures while it runs.

  --model NAME               model that the pods serve (default demo-model)
  --served-model-name NAME   a further name of it; may be given several times
  --pods N                   how many pods (default 1)
  --port PORT                port of the first, the others follow (default 8000); 0 takes free ones
  --host ADDRESS             address to listen on (default 127.0.0.1)
  --profile NAME             ${Object.keys(PROFILES).join(', ')} (default demo)
  --lora NAME                an adapter that requests may name as model; may be given several times
  --max-loras N              adapters in memory at one time (default 4)
  --max-model-len N          longest prompt and answer together, in tokens (default: the profile's)
  --max-num-seqs N           sequences at one time (default: the profile's)
  --max-num-batched-tokens N tokens of one step (default: the profile's)
  --kv-tokens N              size of the KV cache in tokens (default: the profile's)
  --data-parallel-size N     engines in each pod (default 1)
  --data-parallel-ports      a port for each of them
  --scheduling-policy NAME   fcfs or priority (default fcfs)
  --speed FACTOR             how many times faster than in reality time runs (default 1)
  --startup-ms N             time until a pod listens (default 0)
  --failures JSON            a list of rules, such as [{"kind":"error","rate":0.1,"fromMs":5000}]
  --seed TEXT                what the random numbers start from (default 0)
`;

const OPTIONS = {
  model: { type: 'string', default: 'demo-model' },
  'served-model-name': { type: 'string', multiple: true },
  pods: { type: 'string', default: '1' },
  port: { type: 'string', default: '8000' },
  host: { type: 'string', default: '127.0.0.1' },
  profile: { type: 'string', default: 'demo' },
  lora: { type: 'string', multiple: true },
  'max-loras': { type: 'string' },
  'max-model-len': { type: 'string' },
  'max-num-seqs': { type: 'string' },
  'max-num-batched-tokens': { type: 'string' },
  'kv-tokens': { type: 'string' },
  'data-parallel-size': { type: 'string' },
  'data-parallel-ports': { type: 'boolean' },
  'scheduling-policy': { type: 'string', default: 'fcfs' },
  speed: { type: 'string', default: '1' },
  'startup-ms': { type: 'string', default: '0' },
  failures: { type: 'string' },
  seed: { type: 'string', default: '0' },
} as const;

/**
 * Reads the options of `tierkit sim`.
 * @throws TypeError that says which option is wrong, and why
 */
export function readOptions(args: readonly string[]): StartOptions {
  const { values } = parseOptions(args, OPTIONS, false);
  const policy = values['scheduling-policy'];
  if (policy !== 'fcfs' && policy !== 'priority') throw new TypeError(`--scheduling-policy must be fcfs or priority, not "${policy}"`);
  const profile = PROFILES[values.profile];
  if (profile === undefined) {
    const known = Object.keys(PROFILES);
    throw new TypeError(`--profile must be one of ${known.join(', ')}, not "${values.profile}"${didYouMean(values.profile, known)}`);
  }
  const limit = (name: string, value: string | undefined, key: string): Record<string, number> =>
    value === undefined ? {} : { [key]: whole(name, value, 1) };
  const speed = Number(values.speed);
  if (!(speed > 0)) throw new TypeError(`--speed must be a number above 0, not "${values.speed}"`);
  return {
    model: values.model,
    servedModelNames: values['served-model-name'] ?? [],
    pods: whole('pods', values.pods, 1),
    port: whole('port', values.port, 0, 65_535),
    host: values.host,
    profile,
    loras: values.lora ?? [],
    policy,
    speed,
    startupMs: whole('startup-ms', values['startup-ms'], 0),
    seed: values.seed,
    dataParallelPorts: values['data-parallel-ports'] === true ? 'ports' : 'internal',
    ...limit('max-loras', values['max-loras'], 'maxLoras'),
    ...limit('data-parallel-size', values['data-parallel-size'], 'dataParallelSize'),
    failures: values.failures === undefined ? [] : failures(values.failures),
    limits: {
      ...limit('max-model-len', values['max-model-len'], 'maxModelLen'),
      ...limit('max-num-seqs', values['max-num-seqs'], 'maxNumSeqs'),
      ...limit('max-num-batched-tokens', values['max-num-batched-tokens'], 'maxNumBatchedTokens'),
      ...limit('kv-tokens', values['kv-tokens'], 'kvTokens'),
    },
  };
}

/** Starts pods as the options say, and says where they listen. The integrating command waits for a signal. */
export async function sim(args: readonly string[], say: (line: string) => void): Promise<PodHandle[]> {
  const options = readOptions(args);
  const handles = await startPods(options);
  for (const { name, ports, url, pod } of handles) {
    say(
      `${name}: ${url} serves ${pod.model} (profile ${pod.profile.name}${ports.length > 1 ? `, ranks on ports ${ports.join(', ')}` : ''})`,
    );
  }
  return handles;
}

function whole(name: string, text: string, least: number, most = Number.MAX_SAFE_INTEGER): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new TypeError(`--${name} must be a whole number ${range}, not "${text}"`);
}

function failures(text: string): ReturnType<typeof readFailures> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new TypeError(`--failures is not JSON: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  return readFailures(value);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const args = process.argv.slice(2);
  if (args.includes('--help')) process.stdout.write(SIM_HELP);
  else {
    try {
      const handles = await sim(args, (line) => process.stdout.write(`${line}\n`));
      const stop = (): void => void Promise.all(handles.map((handle) => handle.close())).then(() => process.exit(0));
      process.once('SIGINT', stop);
      process.once('SIGTERM', stop);
    } catch (error) {
      process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
      process.exitCode = error instanceof TypeError ? 2 : 1;
    }
  }
}
