// For tests: the `tierkit` command as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export type Env = Readonly<Record<string, string>>;

const TIERKIT = fileURLToPath(new URL('tierkit.js', import.meta.url));

export interface Running {
  readonly child: ChildProcess;
  /** So far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Waits for a text on standard error. */
  said(text: string | RegExp): Promise<void>;
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>;
}

/** Starts the command with no provider's key in its environment but those given. */
export function start(args: readonly string[], env: Env = {}): Running {
  const inherited = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(?:AZURE_)?OPENAI_|^ANTHROPIC_|^NODE_|^VITEST/.test(name)),
  );
  const child = spawn(process.execPath, [TIERKIT, ...args], { env: { ...inherited, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk: Buffer) => {
    stdout += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  const ended = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(signal ?? code ?? -1));
  });
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    ended,
    said: (text) =>
      new Promise((resolve, reject) => {
        const look = () => {
          if (typeof text === 'string' ? stderr.includes(text) : text.test(stderr)) resolve();
        };
        look();
        child.stderr.on('data', look);
        void ended.then((code) => reject(new Error(`ended with ${code} before it said ${String(text)}: ${stderr}`)));
      }),
  };
}

/** Runs the command to its end. */
export async function tierkit(args: readonly string[], env: Env = {}): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const running = start(args, env);
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}
