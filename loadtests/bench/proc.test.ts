import { expect, test } from 'vitest';

import { coreTicks, cpuTicks, memoryKib } from './proc.ts';

const AFTER_NAME = 'S 1 100 100 0 -1 4194304 2000 0 0 0 1234 567 11 22 20 0 11 0 5000 1000000 20000 18446744073709551615';

test('CPU time is that of the process without its children, whatever its name', () => {
  expect(cpuTicks(`42 (node) ${AFTER_NAME}`)).toBe(1801);
  expect(cpuTicks(`42 (a) b (c 1 2) ${AFTER_NAME}`)).toBe(1801);
});

test('a text that is no stat is refused', () => {
  expect(() => cpuTicks('')).toThrow('not a /proc/PID/stat');
});

test('memory is the resident one, not the virtual one', () => {
  const status = 'Name:\tnode\nVmPeak:\t 1200000 kB\nVmSize:\t 1100000 kB\nVmHWM:\t  200000 kB\nVmRSS:\t  150000 kB\nThreads:\t11\n';
  expect(memoryKib(status)).toEqual({ rss: 150_000, peak: 200_000 });
  expect(() => memoryKib('Name:\tnode\n')).toThrow('VmRSS');
});

test('a core is busy but for idle and iowait; guests are not counted twice', () => {
  const stat = 'cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 100 1 20 500 30 4 5 6 50 1\ncpu10 1 1 1 1 1 1 1 1 1 1\n';
  expect(coreTicks(stat, 0)).toEqual({ busy: 136, all: 666 });
  expect(() => coreTicks(stat, 1)).toThrow('cpu1');
});
