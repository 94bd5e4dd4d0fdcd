import { expect, test } from 'vitest';

import { spread, table } from './report.ts';
import type { RowResult, Run } from './row.ts';

function result(name: string, runs: readonly Run[], more: Partial<RowResult> = {}): RowResult {
  const figures = [
    { key: 'lost', text: '# frames lost', digits: 0 },
    { key: 'addedP50Ms', text: 'added p50 # ms', digits: 2 },
  ];
  return { row: { name, work: `work of ${name}`, connections: 32, figures, bar: '≤ 200 µs' }, runs, ...more };
}

const cells = (results: readonly RowResult[], line: number) =>
  (table(results).split('\n')[line + 2] ?? '').split(/(?<!\\)\|/).map((cell) => cell.trim());

test('a figure is the median with its range', () => {
  const [, work, connections, rps] = cells([result('chat-32', [{ rps: 5000 }, { rps: 12_345 }, { rps: 6000 }])], 0);
  expect([work, connections, rps]).toEqual(['work of chat-32', '32', '6,000 (5,000–12,345)']);
});

test('every line has as many cells as the head', () => {
  const lines = table([result('chat-32', [{}]), result('x', [], { failed: 'a | b\n  c' })]).split('\n');
  expect(lines.map((line) => line.split(/(?<!\\)\|/).length)).toEqual([11, 11, 11, 11]);
  expect(lines[3]).toContain('**failed:** a \\| b c');
});

test('the worst run decides on headroom and on what is lost', () => {
  const line = cells(
    [
      result('stream-32', [
        { headroom: 4, lost: 0 },
        { headroom: 2.9, lost: 3 },
        { headroom: 5, lost: 0 },
      ]),
    ],
    0,
  );
  expect(line[7]).toBe('2.9× **mock-bound**');
  expect(line[8]).toBe('3 frames lost');
  expect(cells([result('stream-32', [{ headroom: 3 }])], 0)[7]).toBe('3.0×');
});

test('errors and a core that others used are told; small figures are not', () => {
  expect(cells([result('chat-32', [{ errors: 2, othersShare: 0.2 }])], 0)[8]).toBe('others used 20 % of the core, **2 errors**');
  expect(cells([result('chat-32', [{ errors: 0, othersShare: 0.01 }])], 0)[8]).toBe('–');
});

test('a chat row is compared with the bare proxy of as many connections', () => {
  const results = [result('proxy-32', [{ cpuUs: 50 }]), result('proxy-1', [{ cpuUs: 10 }]), result('chat-auth-32', [{ cpuUs: 100 }])];
  expect(cells(results, 2)[8]).toBe('2.00× the bare proxy’s CPU');
  expect(cells(results, 0)[8]).toBe('–');
  expect(cells(results.slice(1), 1)[8]).toBe('–');
});

test('spread leaves out runs without the figure', () => {
  expect(spread([{ a: 1 }, {}, { a: Number.NaN }, { a: 3 }], 'a')).toEqual({ median: 2, min: 1, max: 3 });
  expect(spread([{}], 'a')).toBeUndefined();
});
