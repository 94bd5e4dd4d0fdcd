import { stripVTControlCharacters } from 'node:util';

import { describe, expect, test } from 'vitest';

import type { PlatformEvent } from './events.ts';
import { isTerminal, jsonScreen, textScreen } from './screen.ts';

function shows(events: readonly PlatformEvent[], terminal = false, verbose = false): string {
  let text = '';
  const report = textScreen({ write: (part: string) => (text += part) }, { terminal, verbose });
  for (const event of events) report(event);
  return text;
}

const crashed = (lines: readonly string[]): PlatformEvent => ({
  event: 'crashed',
  process: 'tier-two',
  wasReady: false,
  lines,
  code: 1,
  signal: null,
});

const START: readonly PlatformEvent[] = [
  { event: 'port-shifted', process: 'tier-one', wanted: 1975, port: 1977, count: 1 },
  { event: 'port-shifted', process: 'pods-small', wanted: 8000, port: 8003, count: 2 },
  { event: 'starting', process: 'tier-two', pid: 1 },
  { event: 'log', process: 'tier-two', level: 'info', line: 'ready' },
  { event: 'log', process: 'tier-two', level: undefined, line: 'curl' },
  { event: 'log', process: 'tier-two', level: 'warn', line: 'no pod' },
  { event: 'ready', process: 'tier-two', afterMs: 1234 },
];

describe('plain text', () => {
  test('has one line for each change, and of the logs what warns', () => {
    expect(shows(START)).toBe(
      [
        'tier-one          port  1975 taken: takes 1977',
        'pods-small        port  8000-8001 taken: takes 8003-8004',
        'tier-two | warn no pod',
        'tier-two          ready  1.2 s',
        '',
      ].join('\n'),
    );
  });

  test('has all lines when it is verbose', () => {
    expect(shows(START, false, true)).toContain('tier-two | ready\ntier-two | curl\ntier-two | warn no pod\n');
  });

  test('shows the lines of a crash once, until something else is wrong', () => {
    const restarting = { event: 'restarting', process: 'tier-two', inMs: 2000, failures: 2, most: 5 } as const;
    const text = shows([crashed(['12:01 bad field']), restarting, crashed(['12:03 bad field']), crashed(['another'])]);
    expect(text).toBe(
      [
        'tier-two          crashed  exit code 1, before it was ready',
        '  | 12:01 bad field',
        'tier-two          restarts  in 2 s (2 of 5 attempts failed)',
        'tier-two          crashed  exit code 1, before it was ready',
        '  | the same lines as before',
        'tier-two          crashed  exit code 1, before it was ready',
        '  | another',
        '',
      ].join('\n'),
    );
  });

  test('ends the start with a table and the next command', () => {
    const services = [
      { service: 'tier-one', where: 'http://127.0.0.1:1975/v1', what: 'for apps' },
      { service: '', where: 'a.yaml', what: 'resources' },
    ];
    const text = shows([{ event: 'up', afterMs: 2100, services, notes: [], curl: "curl -s x \\\n  -d '{}'" }]);
    expect(text).toContain('  SERVICE    WHERE                      WHAT\n  tier-one   http://127.0.0.1:1975/v1   for apps\n');
    expect(text).toContain('             a.yaml                     resources\n');
    expect(text).toContain("Try it:\n\ncurl -s x \\\n  -d '{}'\n\n");
    expect(shows([{ event: 'up', afterMs: 2100, services, notes: [], curl: undefined }])).not.toContain('Try it');
    const notes = ['No Prometheus.', 'A demo.'];
    expect(shows([{ event: 'up', afterMs: 2100, services, notes, curl: undefined }])).toContain('\n\nNo Prometheus.\nA demo.\n\nCtrl-C');
  });

  test('says which part is given up, and that it matters to nothing else', () => {
    expect(shows([{ event: 'gave-up', process: 'phoenix', why: 'phoenix ended' }])).toBe(
      'phoenix           gave up  phoenix ended; the platform goes on without it\n',
    );
  });

  test('has no escape sequence', () => {
    expect(shows([...START, crashed(['x']), { event: 'stopping', why: 'SIGINT' }, { event: 'down' }])).not.toContain('\u001B');
  });
});

/** What a terminal would show, without colours: after a return and an erasure the line begins anew. */
function seen(events: readonly PlatformEvent[]): string {
  const lines = shows(events, true).split('\n');
  return lines.map((line) => stripVTControlCharacters(line.split('\r').at(-1)!)).join('\n');
}

test('a terminal has a last line that says what is waited for, and that goes away', () => {
  const [first, second, ready] = [
    { event: 'starting', process: 'a', pid: 1 },
    { event: 'starting', process: 'b', pid: 2 },
    { event: 'ready', process: 'a', afterMs: 0 },
  ] as const;
  expect(seen([first, second])).toBe('waiting for a, b …');
  expect(seen([first, second, ready])).toBe('a                 ready  0.0 s\nwaiting for b …');
  expect(seen([first, second, ready, { event: 'stopping', why: 'SIGINT' }])).toMatch(/0\.0 s\nStopping \(SIGINT\).*\n$/);
});

test('JSON is one object on each line; of the logs what warns', () => {
  let text = '';
  const report = jsonScreen({ write: (part: string) => (text += part) }, false);
  for (const event of [...START, crashed(['a\nb'])]) report(event);
  const lines = text.trimEnd().split('\n');
  expect(lines.map((line) => (JSON.parse(line) as PlatformEvent).event)).toEqual([
    'port-shifted',
    'port-shifted',
    'starting',
    'log',
    'ready',
    'crashed',
  ]);
  expect(JSON.parse(lines[3]!)).toEqual({
    time: expect.stringMatching(/^\d{4}-/) as unknown,
    event: 'log',
    process: 'tier-two',
    level: 'warn',
    line: 'no pod',
  });
});

test.each([
  [{ isTTY: true }, {}, true],
  [{ isTTY: true }, { NO_COLOR: '1' }, false],
  [{ isTTY: true }, { TERM: 'dumb' }, false],
  [{ isTTY: true }, { CI: 'true' }, false],
  [{}, {}, false],
])('%j with %j', (stream, env, expected) => {
  expect(isTerminal(stream, env)).toBe(expected);
});
