import { isDay } from '#core/resources/tierkit/day';
import { didYouMean } from '#core/resources/nearest';

import { ledgerFiles, LedgerReadError, readLedger } from '../gateway/ledger/read.ts';
import { Receipts, Reconciliation, Tolerance } from '../gateway/ledger/reconcile.ts';
import { GROUPS, type Group, Report, type RowFilter, wanted } from '../gateway/ledger/report.ts';
import { columnsOf, readUsage, type UsageColumns, UsageCsvError } from '../gateway/ledger/usage-csv.ts';
import { type Command, CommandError, parse, UsageError } from './command.ts';
import { reconciliationJson, reconciliationText, reportJson, reportText } from './ledger-text.ts';

const HELP = `Usage: tierkit ledger report PATH… [OPTION…]
       tierkit ledger reconcile PATH… [--usage FILE.csv] [OPTION…]

Reads the ledger of tier one: one row for each finished request to a model API, and each call of a tool that has a price. PATH is a file,
a folder (its *.jsonl), or a pattern in quotes. Days are those of UTC, and of the time when a request came.

report: requests, tokens and cost.
  --by LIST                  a line for each, of: ${GROUPS.join(',')}

reconcile: differences to what a provider counts, by day and model, and to the usage receipts of tier two. Exit code 1 where there is one
beyond the tolerance.
  --usage FILE               usage as the provider exports it, as CSV; the exports of OpenAI and Anthropic are known by their header
  --columns LIST             which columns to take: date=COLUMN,model=COLUMN,input=COLUMN+COLUMN,output=COLUMN,cost=COLUMN,currency=COLUMN
  --tolerance PERCENT        of the provider's figure (default 1)
  --alias NAME=NAME          a model's name in the ledger, and in the file; may be given several times

Both:
  --since DATE               first day, such as 2026-01-01
  --until DATE               last day
  --client ID                only this client
  --backend NAMESPACE/NAME   only this backend
  --json                     as JSON; amounts of money as text, and counts beyond 2^53 too
`;

const OPTIONS = {
  since: { type: 'string' },
  until: { type: 'string' },
  client: { type: 'string' },
  backend: { type: 'string' },
  json: { type: 'boolean' },
} as const;

const REPORT_OPTIONS = { ...OPTIONS, by: { type: 'string' } } as const;

const RECONCILE_OPTIONS = {
  ...OPTIONS,
  usage: { type: 'string' },
  columns: { type: 'string' },
  tolerance: { type: 'string', default: '1' },
  alias: { type: 'string', multiple: true },
} as const;

const DOINGS = ['report', 'reconcile'] as const;

export const ledger: Command = {
  name: 'ledger',
  summary: 'usage and cost of past requests; differences to what providers count',
  help: HELP,
  async run([doing = '', ...rest]) {
    try {
      if (doing === 'report') return await report(rest);
      if (doing === 'reconcile') return await reconcile(rest);
    } catch (error) {
      if (error instanceof LedgerReadError || error instanceof UsageCsvError) throw new CommandError(error.message, { cause: error });
      throw error;
    }
    if (doing === '' || doing.startsWith('-')) throw new UsageError(`first say what to do: ${DOINGS.join(' or ')}`);
    throw new UsageError(`there is no "ledger ${doing}"${didYouMean(doing, DOINGS)}`);
  },
};

async function report(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, REPORT_OPTIONS);
  const by = groupsOf(values.by);
  const filter = filterOf(values);
  const result = new Report(by);
  await readLedger({
    files: await filesOf(positionals),
    since: filter.since,
    row: (row) => {
      if (wanted(row, filter)) result.add(row);
    },
    note,
  });
  process.stdout.write(values.json === true ? reportJson(result, by) : reportText(result, by));
  return 0;
}

async function reconcile(args: readonly string[]): Promise<number> {
  const { values, positionals } = parse(args, RECONCILE_OPTIONS);
  const filter = filterOf(values);
  const tolerance = new Tolerance(percentOf(values.tolerance));
  const reconciliation = new Reconciliation(tolerance, aliasesOf(values.alias ?? []));
  const receipts = new Receipts(tolerance);
  const columns = values.columns === undefined ? undefined : givenColumns(values.columns);
  const files = await filesOf(positionals);
  if (values.usage !== undefined) {
    const { since = '', until = '9999' } = filter;
    for await (const usage of readUsage(values.usage, columns))
      if (usage.day >= since && usage.day <= until) reconciliation.addProvider(usage);
    if (reconciliation.days === undefined) throw new CommandError(`${values.usage} has no usage in the days that are asked for`);
  } else if (columns !== undefined) throw new UsageError('--columns needs --usage');
  await readLedger({
    files,
    since: filter.since,
    row: (row) => {
      if (!wanted(row, filter)) return;
      receipts.add(row);
      if (values.usage !== undefined) reconciliation.addRow(row);
    },
    note,
  });
  const differences = reconciliation.differences();
  const result = { differences, reconciliation, receipts, tolerance };
  process.stdout.write(values.json === true ? reconciliationJson(result) : reconciliationText(result));
  return differences.some(({ beyond }) => beyond) || receipts.beyond ? 1 : 0;
}

function filesOf(paths: readonly string[]): Promise<string[]> {
  if (paths.length === 0) throw new UsageError('give at least one file or folder of a ledger');
  return ledgerFiles(paths);
}

function filterOf({ since, until, client, backend }: RowFilter): RowFilter {
  for (const [option, day] of [
    ['since', since],
    ['until', until],
  ] as const) {
    if (day !== undefined && !(/^\d{4}-\d{2}-\d{2}$/.test(day) && isDay(day)))
      throw new UsageError(`--${option} must be a day such as 2026-01-31, not "${day}"`);
  }
  if (since !== undefined && until !== undefined && since > until) throw new UsageError(`--since ${since} is behind --until ${until}`);
  if (backend !== undefined && !backend.includes('/'))
    throw new UsageError(`--backend must be NAMESPACE/NAME such as default/${backend}, not "${backend}"`);
  return { since, until, client, backend };
}

function groupsOf(list: string | undefined): Group[] {
  const groups: Group[] = [];
  for (const name of list === undefined ? [] : list.split(',')) {
    const group = GROUPS.find((each) => each === name.trim());
    if (group === undefined) throw new UsageError(`--by knows ${GROUPS.join(', ')}, not "${name}"${didYouMean(name, GROUPS)}`);
    groups.push(group);
  }
  return groups;
}

function percentOf(text: string): number {
  if (/^\d{1,6}(\.\d{1,6})?$/.test(text)) return Number(text);
  throw new UsageError(`--tolerance must be a number of percent such as 0.5, not "${text}"`);
}

function aliasesOf(aliases: readonly string[]): Map<string, string> {
  return new Map(
    aliases.map((alias) => {
      const [ours = '', theirs = ''] = alias.split('=');
      if (ours === '' || theirs === '') throw new UsageError(`--alias must be NAME=NAME such as my-gpt=gpt-4o-2024-08-06, not "${alias}"`);
      return [ours, theirs];
    }),
  );
}

function givenColumns(text: string): UsageColumns {
  try {
    return columnsOf(text);
  } catch (error) {
    throw new UsageError(`--columns: ${(error as UsageCsvError).message}`, { cause: error });
  }
}

function note(text: string): void {
  process.stderr.write(`note: ${text}\n`);
}
