import { sim as startPods, SIM_HELP } from '../kserve/simulator/main.ts';
import { type Command, CommandError, UsageError } from './command.ts';

export const sim: Command = {
  name: 'sim',
  summary: 'serve simulated vLLM pods, without a GPU',
  help: SIM_HELP,
  async run(args) {
    const pods = await startPods(args, (line) => process.stdout.write(`${line}\n`)).catch((error: unknown) => {
      const message = error instanceof Error ? error.message : String(error);
      // The simulator says mistakes of its options as TypeError.
      throw error instanceof TypeError ? new UsageError(message, { cause: error }) : new CommandError(message, { cause: error });
    });
    await new Promise((resolve) => process.once('SIGINT', resolve).once('SIGTERM', resolve));
    await Promise.all(pods.map((pod) => pod.close()));
    return 0;
  },
};
