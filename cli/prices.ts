import { Loader } from '#core/resources/load';
import { InvalidResources, type Problem } from '#core/resources/problem';
import { nameOf, type Resource } from '#core/resources/kind';
import type { ResourceSet } from '#core/resources/set';
import { dayStart, isDay } from '#core/resources/tierkit/day';
import { amountOf } from '#core/resources/tierkit/money';
import type { Usage } from '#core/llm/usage';

import type { BudgetRule } from '#core/money/budget-rule';
import { budgetsOf } from '#core/money/budgets';
import { Unpriced } from '#core/money/cost';
import type { PriceEntry } from '#core/money/price-entry';
import { type Prices, pricesOf } from '#core/money/prices';
import { type ToolPrices, toolPricesOf } from '#core/money/tool-prices';
import { pricedModels, type PricedModel } from '#core/money/routed-models';
import { type Command, CommandError, parse, UsageError } from './command.ts';
import { resourcesFailure } from './serve.ts';
import { tableText } from './table.ts';

const HELP = `Usage: tierkit prices check PATH… [OPTION…]
       tierkit prices cost PATH… --model MODEL [OPTION…]

"check" lists the models that routes name with their price, and the price entries that have ended, have not begun, or were not compared
with their source lately, those of tools included. Exit code 1 when a hard Budget covers a model without a price: its requests would be refused.
"cost" says what a request costs, and for what. PATH is a file or a folder of resources with PriceTables (and, for "check", routes).

  --on DAY              the day that is asked about, such as 2026-12-31 (default today); prices change at 0:00 UTC
  --json                as JSON

of "check":
  --days N              days after which an entry should be compared with its source again (default 90)

of "cost":
  --model MODEL         as the backend calls it
  --backend NAME        AIServiceBackend or InferencePool that answers, [NAMESPACE/]NAME
  --provider API        API that it speaks, such as OpenAI
  --input N             input tokens, those of the next five lines among them
  --cached N            read from a cache
  --cache-write N       written to a cache, those for an hour among them
  --cache-write-1h N    written to a cache for an hour
  --input-audio N       audio
  --input-image N       images
  --output N            output tokens, those of the next two lines among them
  --reasoning N         spent on reasoning
  --output-audio N      audio
  --images N            images that are made
`;

const COMMON = { on: { type: 'string' }, json: { type: 'boolean' } } as const;
const CHECK = { ...COMMON, days: { type: 'string', default: '90' } } as const;
const COST = {
  ...COMMON,
  model: { type: 'string' },
  backend: { type: 'string', default: '' },
  provider: { type: 'string', default: '' },
  input: { type: 'string', default: '0' },
  cached: { type: 'string' },
  'cache-write': { type: 'string' },
  'cache-write-1h': { type: 'string' },
  'input-audio': { type: 'string' },
  'input-image': { type: 'string' },
  output: { type: 'string', default: '0' },
  reasoning: { type: 'string' },
  'output-audio': { type: 'string' },
  images: { type: 'string', default: '0' },
} as const;

export const prices: Command = {
  name: 'prices',
  summary: 'what models cost: check price tables, work out a cost',
  help: HELP,
  run(args) {
    const [what, ...rest] = args;
    if (what === 'check') return Promise.resolve(check(rest));
    if (what === 'cost') return Promise.resolve(cost(rest));
    throw new UsageError(what === undefined ? 'say "check" or "cost"' : `there is no "prices ${what}"; there are "check" and "cost"`);
  },
};

interface Loaded {
  readonly set: ResourceSet;
  readonly prices: Prices;
  readonly tools: ToolPrices;
  readonly budgets: readonly BudgetRule[];
}

function load(paths: readonly string[]): Loaded {
  if (paths.length === 0) throw new UsageError('give at least one file or folder');
  const loaded = new Loader().load({ paths, env: process.env });
  const problems: Problem[] = [...loaded.problems];
  const report = (resource: Resource, path: string, message: string) =>
    void problems.push({ source: resource.source, resource: nameOf(resource), path, message });
  const { set } = loaded;
  const found = {
    set,
    prices: pricesOf(set, report),
    tools: toolPricesOf(set, report),
    budgets: budgetsOf({ set, report, shared: false }),
  };
  if (problems.length > 0) throw resourcesFailure(new InvalidResources(problems));
  return found;
}

function check(args: readonly string[]): number {
  const { values, positionals } = parse(args, CHECK);
  const now = timeOf(values.on);
  const days = countOf(values.days, 'days');
  const loaded = load(positionals);
  const models = pricedModels(loaded.set, loaded.prices, loaded.budgets, now);
  const notes = [...loaded.prices.entries, ...loaded.tools.entries].flatMap((entry) => noteOf(entry, now, days) ?? []);
  const refused = models.filter(({ refusedBy }) => refusedBy.length > 0);
  if (values.json === true) printJson({ models: models.map(jsonOf), notes });
  else process.stdout.write(checkText(models, notes));
  for (const { routed, refusedBy } of values.json === true ? [] : refused)
    process.stderr.write(`${refusedBy.join(', ')} refuses model ${routed.model} of ${routed.backend}: no price in its currency is known\n`);
  return refused.length === 0 ? 0 : 1;
}

function checkText(models: readonly PricedModel[], notes: readonly string[]): string {
  const table = models.length === 0 ? 'no AIGatewayRoute names a model\n' : modelTable(models);
  const any = '"any" is whatever clients ask for: where a hard Budget holds, models without a price are refused';
  const all = models.some(({ price }) => price === undefined) ? [...notes, any] : notes;
  return `${table}${all.map((note) => `note: ${note}\n`).join('')}`;
}

function modelTable(models: readonly PricedModel[]): string {
  const rows = models.map(({ routed, price }) => [
    routed.model ?? 'any',
    routed.backend,
    `${routed.route.namespace}/${routed.route.name}`,
    price === undefined ? '-' : price instanceof Unpriced ? 'no price' : `${price.id} (${price.currency})`,
  ]);
  return tableText([['MODEL', 'BACKEND', 'ROUTE', 'PRICE'], ...rows]);
}

function jsonOf({ routed, price, refusedBy }: PricedModel): object {
  const { model, backend, provider, route } = routed;
  const known = price instanceof Unpriced || price === undefined ? {} : { price: price.id, currency: price.currency };
  return { model, backend, provider, route, ...known, unpriced: price instanceof Unpriced ? price.reason : undefined, refusedBy };
}

const DAY_MS = 86_400_000;

/** Of the price of a model or a tool. */
type Noted = Pick<PriceEntry, 'id' | 'from' | 'until' | 'checked' | 'source'>;

function noteOf({ id, from, until, checked, source }: Noted, now: number, days: number): string | undefined {
  if (until <= now) return `${id} ended on ${dayOf(until - 1)}`;
  if (from > now) return `${id} begins on ${dayOf(from)}`;
  const where = source === undefined ? '' : ` with ${source}`;
  if (checked === undefined) return `${id} has no "checked" date: compare it${where}`;
  const age = Math.floor((now - checked) / DAY_MS);
  return age > days ? `${id} was checked ${age} days ago: compare it${where}` : undefined;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 10);
}

function cost(args: readonly string[]): number {
  const { values, positionals } = parse(args, COST);
  if (values.model === undefined) throw new UsageError('--model is required');
  const count = (name: keyof typeof COST): number | undefined => {
    const text = values[name];
    return typeof text === 'string' ? countOf(text, name) : undefined;
  };
  const [input = 0, output = 0] = [count('input'), count('output')];
  const usage: Usage = {
    input,
    output,
    total: input + output,
    cachedInput: count('cached'),
    cacheCreation: count('cache-write') ?? count('cache-write-1h'),
    cacheCreation1h: count('cache-write-1h'),
    inputAudio: count('input-audio'),
    inputImage: count('input-image'),
    reasoning: count('reasoning'),
    outputAudio: count('output-audio'),
    source: 'counted',
  };
  const backend = values.backend === '' || values.backend.includes('/') ? values.backend : `default/${values.backend}`;
  const loaded = load(positionals);
  const place = { model: values.model, backend: backend === '' ? 'any backend' : backend, provider: values.provider };
  const found = loaded.prices.cost(place, { usage, images: count('images') }, timeOf(values.on));
  if (found instanceof Unpriced) throw new CommandError(`there is no cost: ${found.reason}`);
  const { nanos, currency, entry, parts } = found;
  if (values.json === true) {
    printJson({
      cost: amountOf(BigInt(nanos)),
      currency,
      entry,
      parts: parts.map((part) => ({ ...part, amount: amountOf(BigInt(part.nanos)) })),
    });
    return 0;
  }
  const rows = [
    ...parts.map((part) => [part.kind, String(part.count), amountOf(BigInt(part.nanos))]),
    ['sum', '', amountOf(BigInt(nanos))],
  ];
  process.stdout.write(tableText([['KIND', 'COUNT', currency], ...rows], new Set([1, 2])));
  process.stdout.write(`by ${entry}\n`);
  return 0;
}

function timeOf(day: string | undefined): number {
  if (day === undefined) return Date.now();
  if (!/^\d{4}-\d{2}-\d{2}$/.test(day) || !isDay(day)) throw new UsageError(`--on must be a day such as 2026-12-31, not "${day}"`);
  return dayStart(day);
}

function countOf(text: string, option: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${option} must be a whole number, not "${text}"`);
}

function printJson(value: object): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}
