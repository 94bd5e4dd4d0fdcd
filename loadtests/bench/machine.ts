import { execFileSync } from 'node:child_process';
import { cpus, release, totalmem } from 'node:os';

export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
  /** Undefined outside a checkout. `+` after it: with changes that are not committed. */
  readonly commit: string | undefined;
}

export function machine(): Machine {
  const all = cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    cpu: all[0]?.model.trim() ?? 'unknown',
    cores: all.length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: commit(),
  };
}

function commit(): string | undefined {
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : '+');
  } catch {
    return undefined;
  }
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

interface About extends Machine {
  readonly command: string;
  readonly pinning: string;
  readonly client: string;
  readonly mock: string;
  readonly seconds: number;
  readonly runs: number;
}

/** What has to be known to read the table, as one paragraph. */
export function describeRun(about: About): string {
  return [
    `${about.date} UTC, ${about.cpu}, ${about.cores} cores, ${about.memoryGib} GiB, Linux ${about.kernel}, Node ${about.node}`,
    ...(about.commit === undefined ? [] : [`commit ${about.commit}`]),
    `\`${about.command}\`; ${about.runs} ${about.runs === 1 ? 'run' : 'runs'} of ${about.seconds} s a row, the table shows medians`,
    `Pinning: ${about.pinning}. Load: ${about.client}. Mock: ${about.mock}.`,
  ].join('\n');
}
