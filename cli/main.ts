import { didYouMean } from '#core/resources/nearest';

import { check } from './check.ts';
import { type Command, CommandError, UsageError } from './command.ts';
import { ledger } from './ledger.ts';
import { budgets, limits } from './limits.ts';
import { controller } from './controller.ts';
import { crds } from './crds.ts';
import { epp } from './epp.ts';
import { mcp } from './mcp.ts';
import { offboard } from './offboard.ts';
import { onboard } from './onboard.ts';
import { prices } from './prices.ts';
import { release } from './release.ts';
import { run } from './run.ts';
import { sim } from './sim.ts';
import { simulate } from './simulate.ts';
import { tier2 } from './tier2.ts';
import { up } from './up.ts';
import { version } from './version.ts';

const COMMANDS: readonly Command[] = [
  up,
  run,
  tier2,
  controller,
  epp,
  check,
  crds,
  onboard,
  release,
  offboard,
  mcp,
  limits,
  budgets,
  prices,
  ledger,
  sim,
  simulate,
  version,
];

const HELP = `tierkit: the two-tier AI gateway platform as code

Usage: tierkit COMMAND [OPTION…]

${COMMANDS.map(({ name, summary }) => `  ${name.padEnd(12)}${summary}`).join('\n')}

"tierkit COMMAND --help" says more of each.
`;

/** Runs one command line. @returns the exit code: 0 done, 1 failed, 2 not understood */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    (name === undefined ? process.stderr : process.stdout).write(HELP);
    return name === undefined ? 2 : 0;
  }
  const wanted = name === '--version' || name === '-v' ? 'version' : name;
  const command = COMMANDS.find((each) => each.name === wanted);
  if (command === undefined) {
    const names = COMMANDS.map((each) => each.name);
    process.stderr.write(`tierkit: there is no command "${name}"${didYouMean(name, names)} (commands: ${names.join(', ')})\n`);
    return 2;
  }
  if (rest.includes('--help') || rest.includes('-h')) {
    process.stdout.write(command.help);
    return 0;
  }
  try {
    return await command.run(rest);
  } catch (error) {
    if (error instanceof UsageError) {
      process.stderr.write(`tierkit ${command.name}: ${error.message}\nTry "tierkit ${command.name} --help".\n`);
      return 2;
    }
    if (error instanceof CommandError) {
      process.stderr.write(`tierkit ${command.name}: ${error.message}\n`);
      return 1;
    }
    throw error;
  }
}
