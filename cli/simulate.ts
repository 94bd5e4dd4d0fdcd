import { simulate as compare, SIMULATE_HELP } from '../loadtests/simulate/main.ts';
import { type Command, CommandError, UsageError } from './command.ts';

export const simulate: Command = {
  name: 'simulate',
  summary: 'compare ways to pick a pod, on simulated pods',
  help: SIMULATE_HELP,
  async run(args) {
    await compare(args, (text) => process.stdout.write(`${text}\n`)).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      // Mistakes of the options come as TypeError.
      throw error instanceof TypeError ? new UsageError(message, { cause: error }) : new CommandError(message, { cause: error });
    });
    return 0;
  },
};
