import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Clock ticks a second, the unit of the CPU times below /proc. */
export function clockTicks(): number {
  return Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
}

/**
 * CPU time of a process with all its threads, in ticks: `utime` and `stime` of /proc/PID/stat (proc_pid_stat(5)).
 * @throws Error when the text is none of that file
 */
export function cpuTicks(stat: string): number {
  // The second field is the command's name in brackets, which may hold blanks and brackets of its own.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [utime, stime] = [Number(fields[11]), Number(fields[12])];
  if (!Number.isFinite(utime + stime)) throw new Error(`not a /proc/PID/stat: ${stat.slice(0, 80)}`);
  return utime + stime;
}

export function readCpuTicks(pid: number): number {
  return cpuTicks(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

/**
 * Memory of a process in KiB: what is resident, and the most that was.
 * @throws Error when the text is not of /proc/PID/status
 */
export function memoryKib(status: string): { rss: number; peak: number } {
  const field = (name: string) => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    if (value === undefined) throw new Error(`/proc/PID/status has no ${name}`);
    return Number(value);
  };
  return { rss: field('VmRSS'), peak: field('VmHWM') };
}

export function readMemoryKib(pid: number): { rss: number; peak: number } {
  return memoryKib(readFileSync(`/proc/${pid}/status`, 'utf8'));
}

/** Ticks that a core was busy, and all of them, since the start of the machine (`cpuN` of /proc/stat). */
export function coreTicks(stat: string, core: number): { busy: number; all: number } {
  const line = stat.split('\n').find((each) => each.startsWith(`cpu${core} `));
  if (line === undefined) throw new Error(`/proc/stat has no cpu${core}`);
  // guest and guest_nice, from the ninth on, are counted in user and nice already.
  const ticks = line.split(/ +/).slice(1, 9).map(Number);
  const all = ticks.reduce((sum, each) => sum + each, 0);
  return { busy: all - (ticks[3] ?? 0) - (ticks[4] ?? 0), all };
}

export function readCoreTicks(core: number): { busy: number; all: number } {
  return coreTicks(readFileSync('/proc/stat', 'utf8'), core);
}
