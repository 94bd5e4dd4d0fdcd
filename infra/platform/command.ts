// npm run platform:up|preview|status|down|keys -- [OPTION…]: Pulumi, with the checks before it and the news after it.
import { resolve } from 'node:path';

import { durationMs, isDuration } from '#core/resources/schema';

import { keys } from './keys-command.ts';
import type { Prepared, PreflightOptions } from './preflight.ts';
import { PlatformError, pulumiCli } from './pulumi-cli.ts';
import { readOutputs } from './stack.ts';
import { summary } from './summary.ts';

const FOLDER = resolve(import.meta.dirname, '..');

const HELP = `Usage: npm run platform:up|preview|status|down|keys -- [--stack NAME] [--config-file FILE] [OPTION…]

  up       checks, makes the keys that are missing, runs "pulumi up", and says how to go on
  preview  the same checks, and what "pulumi up" would change
  status   what runs, and where
  down     "pulumi destroy"
  keys     rotate PAIR [--now] | renew NAME | show NAME | list

"up" gives up when a pod is stuck in something that does not heal by waiting, such as an image that cannot be pulled, for 45 seconds:
  --patience DURATION   for so long, such as 5m; 0: as long as Pulumi waits

Other options go to Pulumi as they are: --yes, --diff, --target URN, --refresh, …
`;

type Run = (options: PreflightOptions, args: readonly string[]) => Promise<number>;

const COMMANDS: Readonly<Record<string, Run>> = {
  up,
  preview,
  status,
  down,
  keys,
};

/** So long may a trouble last that does not heal by waiting. */
const PATIENCE_MS = 45_000;

async function up(options: PreflightOptions, args: readonly string[]): Promise<number> {
  const { pulumi, say } = options;
  const { patienceMs, rest } = patienceOf(args);
  const prepared = await checked(options);
  const { upWithPatience } = await import('./up.ts');
  const code = await upWithPatience(options, prepared, ['up', ...rest], { patienceMs });
  if (code !== 0) {
    const { troubleOf } = await import('./trouble.ts');
    const trouble = await troubleOf(prepared.settings, prepared.parts);
    if (trouble.length > 0) say(`\nWhat the pods say:\n${trouble.map((line) => `  ${line}`).join('\n')}`);
    return code;
  }
  const { gatewaysInWait } = await import('./settled.ts');
  for (const { object, state } of await gatewaysInWait(prepared)) say(`\n${object} is not in service yet: ${state}`);
  const outputs = await readOutputs(pulumi);
  if (outputs !== undefined) say(`\n${summary(outputs)}`);
  return code;
}

async function preview(options: PreflightOptions, args: readonly string[]): Promise<number> {
  await checked(options);
  return options.pulumi.show(['preview', ...args]);
}

/** All that Pulumi needs is there, and so are the keys. */
async function checked(options: PreflightOptions): Promise<Prepared> {
  // The charts take a second to load: not every command needs them.
  const { generateMissing, preflight, prepare } = await import('./preflight.ts');
  const prepared = await prepare(options);
  await preflight(prepared, options);
  await generateMissing(prepared, options);
  return prepared;
}

/** `--patience`, which Pulumi does not know, and all else. */
function patienceOf(args: readonly string[]): { readonly patienceMs: number; readonly rest: readonly string[] } {
  const at = args.findIndex((arg) => /^--patience(=|$)/.test(arg));
  if (at === -1) return { patienceMs: PATIENCE_MS, rest: args };
  const [, inline] = /^--patience=(.*)$/.exec(args[at]!) ?? [];
  const given = inline ?? args[at + 1] ?? '';
  if (given !== '0' && !isDuration(given)) throw new PlatformError(`--patience must be a duration such as 5m, or 0, not "${given}"`);
  return { patienceMs: given === '0' ? 0 : durationMs(given), rest: args.toSpliced(at, inline === undefined ? 2 : 1) };
}

async function status(options: PreflightOptions): Promise<number> {
  const [{ prepare }, { statusOf }, { troubleOf }] = await Promise.all([
    import('./preflight.ts'),
    import('./status.ts'),
    import('./trouble.ts'),
  ]);
  const prepared = await prepare(options);
  const found = await statusOf(prepared.settings, prepared.parts);
  const width = Math.max(...found.map(({ part }) => part.length));
  for (const { part, object, ready, state } of found)
    options.say(`${ready ? 'ready ' : 'WRONG '} ${part.padEnd(width)}  ${object}: ${state}`);
  const outputs = await readOutputs(options.pulumi);
  options.say(outputs === undefined ? '\nThis stack has nothing yet: npm run platform:up' : `\n${summary(outputs)}`);
  const trouble = await troubleOf(prepared.settings, prepared.parts);
  for (const line of trouble) options.say(line);
  return found.every(({ ready }) => ready) ? 0 : 1;
}

/** Works without valid settings: what is to go is in the state. */
async function down({ pulumi }: PreflightOptions, args: readonly string[]): Promise<number> {
  return pulumi.show(['destroy', ...args]);
}

/** Options that say which stack is meant, which every call of Pulumi gets, and all others. */
function split(args: readonly string[]): { readonly target: string[]; readonly rest: string[] } {
  const target: string[] = [];
  const rest: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index]!;
    const [, name, value] = /^(--stack|-s|--config-file)(?:=(.*))?$/.exec(arg) ?? [];
    if (name === undefined) rest.push(arg);
    else {
      const given = value ?? args[++index];
      if (given === undefined) throw new PlatformError(`${name} needs a value`);
      target.push(name === '-s' ? '--stack' : name, name === '--config-file' ? resolve(process.env['INIT_CWD'] ?? '.', given) : given);
    }
  }
  return { target, rest };
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

async function main(name: string, args: readonly string[]): Promise<number> {
  const run = COMMANDS[name];
  if (run === undefined || args.includes('--help')) {
    process.stdout.write(HELP);
    return run === undefined ? 2 : 0;
  }
  try {
    const { target, rest } = split(args);
    return await run({ pulumi: pulumiCli({ folder: FOLDER, target, env: process.env, say }), folder: FOLDER, say }, rest);
  } catch (error) {
    if (!(error instanceof PlatformError)) throw error;
    say(error.message);
    return 1;
  }
}

process.exitCode = await main(process.argv[2] ?? '', process.argv.slice(3));
