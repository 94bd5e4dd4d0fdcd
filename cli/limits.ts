import type { CountReport } from '../gateway/admit/seen.ts';
import { type Command, CommandError, parse } from './command.ts';
import { tableText } from './table.ts';

const HELP = `Usage: tierkit limits [NAME] [OPTION…]

Says how the limits and budgets of a running tier one stand: what is used, what requests under way have set aside, what is left, and when
it comes back. Counts are those that requests have lately gone to. NAME is a part of the name of a limit or budget.

  --subject SUBJECT          only this client, or value of a header
  --admin URL                admin address of tier one (default http://127.0.0.1:1064)
  --json                     as JSON
`;

const OPTIONS = {
  subject: { type: 'string' },
  admin: { type: 'string', default: 'http://127.0.0.1:1064' },
  json: { type: 'boolean' },
} as const;

export const limits: Command = {
  name: 'limits',
  summary: 'how limits and budgets of a running tier one stand',
  help: HELP,
  run: (args) => show(args, () => true),
};

export const budgets: Command = {
  name: 'budgets',
  summary: 'the same of budgets alone',
  help: HELP.replace('tierkit limits', 'tierkit budgets')
    .replaceAll('limits and budgets', 'budgets')
    .replace('a limit or budget', 'a budget'),
  run: (args) => show(args, ({ name }) => name.startsWith('Budget ')),
};

async function show(args: readonly string[], wanted: (count: CountReport) => boolean): Promise<number> {
  const { values, positionals } = parse(args, OPTIONS);
  const counts = (await ask(values.admin, positionals[0], values.subject)).filter(wanted);
  if (values.json === true) process.stdout.write(`${JSON.stringify(counts, undefined, 2)}\n`);
  else process.stdout.write(counts.length === 0 ? 'no request has gone to one of them yet\n' : tableOf(counts));
  return 0;
}

async function ask(admin: string, name: string | undefined, subject: string | undefined): Promise<CountReport[]> {
  let url: URL;
  try {
    url = new URL('/limits', admin);
  } catch {
    throw new CommandError(`--admin must be a URL such as http://127.0.0.1:1064, not "${admin}"`);
  }
  if (name !== undefined) url.searchParams.set('name', name);
  if (subject !== undefined) url.searchParams.set('subject', subject);
  let response: Response;
  try {
    response = await fetch(url, { signal: AbortSignal.timeout(5000) });
  } catch (error) {
    throw new CommandError(`no tier one answers at ${admin}; is it running, and is this its admin address?`, { cause: error });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (response.ok && Array.isArray(body)) return body as CountReport[];
  const reason = (body as { error?: string } | undefined)?.error;
  throw new CommandError(`${admin} answered ${response.status}${reason === undefined ? '' : `: ${reason}`}`);
}

const HEADS = ['LIMIT', 'SUBJECT', 'UNIT', 'LIMIT', 'USED', 'RESERVED', 'LEFT', 'RESETS'];

function tableOf(counts: readonly CountReport[]): string {
  const rows = counts.map(({ name, subject, unit, limit, used, reserved, remaining, resets, shadow }) => [
    shadow ? `${name} (shadow)` : name,
    subject === '' ? '-' : subject,
    unit,
    ...[limit, used, reserved, remaining].map(String),
    resets,
  ]);
  return tableText([HEADS, ...rows]);
}
