import { CommandError, UsageError } from './command.ts';

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}

/** What infra/onboarding/command.ts has. */
interface Commands {
  onboard(options: object): Said;
  offboard(options: object): Said;
  release(options: object): Said;
}

/** Not as an import that is followed: the image has neither the charts nor what makes them, and everything else goes on without. */
const COMMANDS = new URL('../infra/onboarding/command.ts', import.meta.url).href;

/** Runs a command of onboarding. @returns the exit code */
export async function runOnboarding(name: keyof Commands, options: object): Promise<number> {
  const commands = await loaded();
  try {
    const { stdout, stderr } = commands[name](options);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    return 0;
  } catch (error) {
    const { name: kind, message } = error as Error;
    if (kind === 'InvalidRequest') throw new UsageError(message, { cause: error });
    if (kind === 'InvalidSettings' || kind === 'FolderTrouble') throw new CommandError(message, { cause: error });
    throw error;
  }
}

async function loaded(): Promise<Commands> {
  try {
    return (await import(COMMANDS)) as Commands;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new CommandError('the charts are not here, as in the image of the gateways: run it in a clone of Tierkit after npm ci', {
      cause: error,
    });
  }
}
