// The performance bench of tier one; see README.md beside this file.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { describeRun, machine } from './machine.ts';
import { notPinned, pinSelf } from './processes.ts';
import { table } from './report.ts';
import { type Plan, removeFolder, type Row, type RowResult, type Run } from './row.ts';
import { answerRows } from './rows/answers.ts';
import { mcpRows } from './rows/mcp.ts';
import { ROUTES, rulesRow } from './rows/rules.ts';
import { soakRow } from './rows/soak.ts';
import { streamRows } from './rows/streams.ts';
import { wrkVersion } from './wrk.ts';

const ROWS: readonly Row[] = [...answerRows, ...streamRows, ...mcpRows, rulesRow, soakRow];

const HELP = `Usage: node loadtests/bench/bench.ts [OPTION…]

  --quick            3 seconds and one run a row, 10 seconds of soak
  --only NAMES       rows, separated by commas; a name may be the beginning of several
                     (${ROWS.map(({ name }) => name).join(', ')})
  --seconds N        measured time of a run (default 10; 3 with --quick)
  --runs N           runs of a row, each with new processes (default 3; 1 with --quick)
  --soak N           seconds of the soak (default 60; 10 with --quick)
  --client own|wrk   load generator (default: wrk where it is on the PATH); streams always use own
  --out FILE         where the JSON goes
  --results          write RESULTS.md also after --quick or --only
`;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string' },
    seconds: { type: 'string' },
    runs: { type: 'string' },
    soak: { type: 'string' },
    client: { type: 'string' },
    wrk: { type: 'boolean', default: false },
    out: { type: 'string' },
    results: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});

if (values.help) process.stdout.write(HELP);
else await bench();

async function bench(): Promise<void> {
  const { quick } = values;
  const runs = positive('runs', values.runs, quick ? 1 : 3);
  const seconds = positive('seconds', values.seconds, quick ? 3 : 10);
  const rows = chosen(values.only);
  const version = wrkVersion();
  const client = values.wrk ? 'wrk' : (values.client ?? (version === undefined ? 'own' : 'wrk'));
  if (client !== 'own' && client !== 'wrk') refuse(`--client must be own or wrk, not "${client}"`);
  if (client === 'wrk' && version === undefined) refuse('wrk is not on the PATH');

  pinSelf();
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-bench-'));
  process.on('exit', () => removeFolder(folder));
  const plan: Plan = {
    warmupSeconds: quick ? 2 : 4,
    seconds,
    directSeconds: Math.min(seconds, 3),
    soakSeconds: positive('soak', values.soak, quick ? 10 : 60),
    client,
    routes: ROUTES,
    folder,
  };
  const about = {
    ...machine(),
    command: `node loadtests/bench/bench.ts ${process.argv.slice(2).join(' ')}`.trim(),
    pinning: notPinned === undefined ? 'gateway on core 0, mock and load on core 1' : `none: ${notPinned}`,
    client: client === 'wrk' ? `${version} (streams, rules and soak: the bench’s own client)` : 'the bench’s own client',
    mock:
      process.env['BENCH_MOCK'] === undefined ? 'the bench’s own' : 'BENCH_MOCK for chat and streams back to back, else the bench’s own',
    seconds,
    runs,
  };
  const results: RowResult[] = [];
  for (const row of rows) results.push(await measureRow(row, plan, row.once === true ? 1 : runs));

  const whole = values.only === undefined && !quick;
  const text = `${table(results)}\n`;
  const out = values.out ?? (whole ? here('RESULTS.json') : join(tmpdir(), 'tierkit-bench.json'));
  writeFileSync(out, `${JSON.stringify({ about, results }, undefined, 2)}\n`);
  process.stdout.write(`\n${describeRun(about)}\n\n${text}`);
  if (whole || values.results) writeFileSync(here('RESULTS.md'), `# Results of loadtests/bench\n\n${describeRun(about)}\n\n${text}`);
  process.stderr.write(`\nJSON: ${out}\n`);
  if (results.some(({ failed }) => failed !== undefined)) process.exitCode = 1;
}

async function measureRow(row: Row, plan: Plan, runs: number): Promise<RowResult> {
  const { name, work, connections, figures, bar } = row;
  const about = { name, work, connections, figures, bar };
  const done: Run[] = [];
  for (let run = 1; run <= runs; run++) {
    process.stderr.write(`${name} ${run}/${runs} … `);
    try {
      const figuresOfRun = await row.run(plan);
      done.push(figuresOfRun);
      process.stderr.write(`${summary(figuresOfRun)}\n`);
    } catch (error) {
      const failed = error instanceof Error ? error.message : String(error);
      process.stderr.write(`failed: ${failed}\n`);
      return { row: about, runs: done, failed };
    }
  }
  return { row: about, runs: done };
}

function summary(run: Run): string {
  const shown = Object.entries(run).filter(([, value]) => value !== undefined);
  return shown.map(([key, value]) => `${key} ${Number((value as number).toPrecision(4))}`).join(', ');
}

function chosen(only: string | undefined): readonly Row[] {
  if (only === undefined) return ROWS;
  const wanted = only.split(',');
  for (const each of wanted) {
    if (ROWS.some(({ name }) => name.startsWith(each))) continue;
    refuse(`--only knows no "${each}"; rows are ${ROWS.map(({ name }) => name).join(', ')}`);
  }
  return ROWS.filter(({ name }) => wanted.some((each) => name.startsWith(each)));
}

function positive(option: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const value = Number(text);
  if (!(value > 0) || (option === 'runs' && !Number.isInteger(value))) refuse(`--${option} must be a positive number, not "${text}"`);
  return value;
}

function refuse(message: string): never {
  process.stderr.write(`bench: ${message}\n`);
  process.exit(2);
}

function here(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}
