import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, dirname } from 'node:path';

/** What cannot go on until the user has mended it: told as it is. */
export class PlatformError extends Error {
  override readonly name = 'PlatformError';
}

/** What a run of the CLI came to. */
export interface PulumiResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The Pulumi CLI, for one project and stack. */
export interface PulumiCli {
  /** Runs it without questions and keeps what it prints. @param input of its standard input */
  run(args: readonly string[], input?: string): Promise<PulumiResult>;
  /** Says the command, and runs it on this terminal. @returns its exit code */
  show(args: readonly string[], options?: ShowOptions): Promise<number>;
  /** As it would be typed. */
  command(args: readonly string[]): string;
}

export interface ShowOptions {
  /** Interrupts it, as Ctrl-C would: it ends what it is doing and writes its state. */
  readonly interrupt?: AbortSignal;
  /** A file that the events of the engine are written to. */
  readonly eventLog?: string;
}

export interface PulumiOptions {
  /** Of the project. */
  readonly folder: string;
  /** `--stack` and `--config-file`, as the user gave them. */
  readonly target: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly say: (line: string) => void;
}

const INSTALL = `there is no "pulumi" on PATH. It is one program (https://www.pulumi.com/docs/install/):
  curl -fsSL https://get.pulumi.com | sh        or: brew install pulumi/tap/pulumi`;

/** Commands that do not know the options of a stack's configuration. */
const WITHOUT_CONFIG_FILE = new Set(['stack', 'whoami', 'version']);

export function pulumiCli({ folder, target, env: given, say }: PulumiOptions): PulumiCli {
  // The program needs the Node that runs this: the system's one may be older.
  const own = { ...given, PATH: `${dirname(process.execPath)}${delimiter}${given['PATH'] ?? ''}`, PULUMI_SKIP_UPDATE_CHECK: 'true' };
  const full = ([command = '', ...rest]: readonly string[]) => {
    const stack = command === 'whoami' || command === 'version' ? [] : targetFor(command, target);
    return ['--cwd', folder, command, ...rest, ...stack];
  };
  return {
    run: (args, input) =>
      new Promise((resolve, reject) => {
        const child = spawn('pulumi', [...full(args), '--non-interactive', '--color=never'], { env: own });
        let stdout = '';
        let stderr = '';
        child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
        child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
        child.on('error', (error) => reject(notStarted(error)));
        child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
        // It may end before it has read anything; its exit code says why.
        child.stdin.on('error', () => undefined).end(input ?? '');
      }),
    show: (args, { interrupt, eventLog } = {}) =>
      new Promise((resolve, reject) => {
        say(`$ ${commandLine(full(args))}`);
        const logged = eventLog === undefined ? [] : ['--event-log', eventLog];
        const env = eventLog === undefined ? own : { ...own, ...EVENT_LOG_ENV };
        const child = spawn('pulumi', full([...args, ...logged]), { env, stdio: 'inherit' });
        const release = interruptible(child, interrupt);
        child.on('error', (error) => {
          release();
          reject(notStarted(error));
        });
        child.on('close', (code) => {
          release();
          resolve(code ?? 1);
        });
      }),
    command: (args) => commandLine(full(args)),
  };
}

/** The CLI knows --event-log only with it; the Automation API sets it as well. */
const EVENT_LOG_ENV = { PULUMI_DEBUG_COMMANDS: 'true' };

/**
 * Lets Pulumi end what it is doing, and this process wait for it. It is interrupted once: a second interrupt would make it stop at once, and
 * forget what it has begun.
 * @returns what takes the listeners away
 */
function interruptible(child: ChildProcess, signal: AbortSignal | undefined): () => void {
  let isInterrupted = false;
  // Ctrl-C goes to all processes of the terminal: Pulumi has it already.
  const onInterrupt = () => {
    isInterrupted = true;
  };
  const interrupt = () => {
    if (!isInterrupted) child.kill('SIGINT');
    isInterrupted = true;
  };
  process.on('SIGINT', onInterrupt);
  // Whoever ends this process (a CI job, `timeout`) does not know Pulumi: it would go on alone.
  process.on('SIGTERM', interrupt);
  signal?.addEventListener('abort', interrupt);
  return () => {
    process.off('SIGINT', onInterrupt);
    process.off('SIGTERM', interrupt);
    signal?.removeEventListener('abort', interrupt);
  };
}

/** `pulumi up --yes`, as a shell reads it. */
function commandLine(args: readonly string[]): string {
  return ['pulumi', ...args.map((arg) => (/^[\w@%+=:,./-]+$/.test(arg) ? arg : `'${arg.replaceAll("'", String.raw`'\''`)}'`))].join(' ');
}

function targetFor(command: string, target: readonly string[]): string[] {
  if (!WITHOUT_CONFIG_FILE.has(command)) return [...target];
  const at = target.indexOf('--config-file');
  return at === -1 ? [...target] : [...target.slice(0, at), ...target.slice(at + 2)];
}

function notStarted(error: Error): Error {
  return (error as NodeJS.ErrnoException).code === 'ENOENT' ? new PlatformError(INSTALL) : error;
}
