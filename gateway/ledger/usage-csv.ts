import { didYouMean } from '#core/resources/nearest';

import { CsvError, csvRecords } from './csv.ts';

/** A provider's usage file cannot be understood: what, where and why. */
export class UsageCsvError extends Error {
  override readonly name = 'UsageCsvError';
}

/** Names of the columns that figures are in; several are added up. */
export interface UsageColumns {
  readonly date: string;
  readonly model?: string | undefined;
  /** All input tokens, cached ones included. */
  readonly input?: readonly string[] | undefined;
  readonly output?: readonly string[] | undefined;
  readonly cost?: string | undefined;
  /** Column of the currency, for those that have one. @default USD for all */
  readonly currency?: string | undefined;
}

/** What one record of a provider says. */
export interface ProviderUsage {
  /** In UTC. */
  readonly day: string;
  /** Empty where the file has no models. */
  readonly model: string;
  readonly input: bigint | undefined;
  readonly output: bigint | undefined;
  /** Billionths. */
  readonly cost: bigint | undefined;
  readonly currency: string;
}

/**
 * Exports that are known by their header, the one with more columns first. The fields of OpenAI's are those of its usage and costs APIs
 * (https://platform.openai.com/docs/api-reference/usage); Anthropic documents that its console exports CSV, and not the header.
 */
const KNOWN: readonly UsageColumns[] = [
  {
    date: 'usage_date_utc',
    model: 'model_version',
    input: [
      'usage_input_tokens_no_cache',
      'usage_input_tokens_cache_write_5m',
      'usage_input_tokens_cache_write_1h',
      'usage_input_tokens_cache_read',
    ],
    output: ['usage_output_tokens'],
  },
  {
    date: 'usage_date_utc',
    model: 'model_version',
    input: ['usage_input_tokens_no_cache', 'usage_input_tokens_cache_write', 'usage_input_tokens_cache_read'],
    output: ['usage_output_tokens'],
  },
  { date: 'usage_date_utc', model: 'model', cost: 'cost_usd' },
  { date: 'start_time_iso', model: 'model', input: ['input_tokens'], output: ['output_tokens'] },
  { date: 'start_time', model: 'model', input: ['input_tokens'], output: ['output_tokens'] },
  { date: 'start_time_iso', cost: 'amount_value', currency: 'amount_currency' },
  { date: 'date', model: 'model', input: ['input_tokens'], output: ['output_tokens'], cost: 'cost' },
  { date: 'date', model: 'model', input: ['input_tokens'], output: ['output_tokens'] },
];

const NAMES = ['date', 'model', 'input', 'output', 'cost', 'currency'] as const;

/** Reads `date=day,model=name,input=fresh+cached,output=out,cost=usd`. @throws UsageCsvError */
export function columnsOf(text: string): UsageColumns {
  const given: Partial<Record<(typeof NAMES)[number], string>> = {};
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, at).trim();
    const known = NAMES.find((each) => each === name);
    if (at < 1 || part.length === at + 1) throw new UsageCsvError(`"${part}" must be NAME=COLUMN such as date=day`);
    if (known === undefined) throw new UsageCsvError(`"${name}" is none of ${NAMES.join(', ')}${didYouMean(name, NAMES)}`);
    given[known] = part.slice(at + 1).trim();
  }
  const { date, model, input, output, cost, currency } = given;
  if (date === undefined) throw new UsageCsvError('date=COLUMN is missing');
  if (input === undefined && output === undefined && cost === undefined)
    throw new UsageCsvError('there is nothing to compare: give at least one of input, output and cost');
  return { date, model, input: input?.split('+'), output: output?.split('+'), cost, currency };
}

/** Where the columns are. */
interface Places {
  readonly date: Place;
  readonly model: Place | undefined;
  readonly input: readonly Place[] | undefined;
  readonly output: readonly Place[] | undefined;
  readonly cost: Place | undefined;
  readonly currency: Place | undefined;
}

interface Place {
  readonly name: string;
  readonly index: number;
}

/**
 * Reads a provider's usage file. Records without any figure, as of hours without use, are left out.
 * @param columns undefined: the file is one of those that are known
 * @throws UsageCsvError
 */
export async function* readUsage(file: string, columns: UsageColumns | undefined): AsyncGenerator<ProviderUsage> {
  let places: Places | undefined;
  try {
    for await (const { line, fields } of csvRecords(file)) {
      if (places === undefined) {
        places = placesOf(fields, columns);
        continue;
      }
      const usage = usageIn(fields, places, line);
      if (usage !== undefined) yield usage;
    }
  } catch (error) {
    const separator = error instanceof UsageCsvError || error instanceof CsvError ? ':' : ' cannot be read:';
    throw new UsageCsvError(`${file}${separator} ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
  if (places === undefined) throw new UsageCsvError(`${file}: it is empty`);
}

function placesOf(header: readonly string[], given: UsageColumns | undefined): Places {
  const names = header.map(plainName);
  const columns = given ?? KNOWN.find((known) => namesOf(known).every((name) => names.includes(name)));
  if (columns === undefined)
    throw new UsageCsvError(`line 1: this is no usage file that is known; say with --columns which is which of ${header.join(', ')}`);
  const place = (name: string): Place => {
    const index = names.indexOf(plainName(name));
    if (index === -1) throw new UsageCsvError(`line 1: there is no column "${name}"${didYouMean(name, header)}`);
    return { name, index };
  };
  const { date, model, input, output, cost, currency } = columns;
  return {
    date: place(date),
    model: model === undefined ? undefined : place(model),
    input: input?.map(place),
    output: output?.map(place),
    cost: cost === undefined ? undefined : place(cost),
    currency: currency === undefined ? undefined : place(currency),
  };
}

function namesOf({ date, model, input = [], output = [], cost, currency }: UsageColumns): string[] {
  return [date, model, ...input, ...output, cost, currency].filter((name) => name !== undefined);
}

function plainName(name: string): string {
  return name.trim().toLowerCase();
}

function usageIn(fields: readonly string[], places: Places, line: number): ProviderUsage | undefined {
  const text = ({ index }: Place): string => fields[index]?.trim() ?? '';
  const wrong = (place: Place, wanted: string): UsageCsvError =>
    new UsageCsvError(`line ${line}: ${place.name} must be ${wanted}, not "${text(place).slice(0, 60)}"`);
  const tokens = (of: readonly Place[] | undefined): bigint | undefined => {
    let sum: bigint | undefined;
    for (const place of of ?? []) {
      if (text(place) === '') continue;
      const count = countOf(text(place));
      if (count === undefined) throw wrong(place, 'a whole number');
      sum = (sum ?? 0n) + count;
    }
    return sum;
  };
  const input = tokens(places.input);
  const output = tokens(places.output);
  let cost: bigint | undefined;
  if (places.cost !== undefined && text(places.cost) !== '') {
    cost = nanosIn(text(places.cost));
    if (cost === undefined) throw wrong(places.cost, 'an amount such as 0.25');
  }
  if (input === undefined && output === undefined && cost === undefined) return undefined;
  const day = dayIn(text(places.date));
  if (day === undefined) throw wrong(places.date, 'a date such as 2026-01-31, a time such as 2026-01-31T09:30:00Z or seconds since 1970');
  const currency = (places.currency === undefined ? '' : text(places.currency)).toUpperCase();
  const model = places.model === undefined ? '' : text(places.model);
  return { day, model, input, output, cost, currency: currency === '' ? 'USD' : currency };
}

/** `1234`, `1,234` or `1234.0`. */
function countOf(text: string): bigint | undefined {
  const digits = /^(\d+|\d{1,3}(?:,\d{3})+)(?:\.0*)?$/.exec(text)?.[1];
  return digits === undefined ? undefined : BigInt(digits.replaceAll(',', ''));
}

/** Billionths of an amount such as `0.25`, `$1,234.5`, `-3` or `1.5e-05`, rounded half up. */
export function nanosIn(text: string): bigint | undefined {
  const parts = /^(-?)\$?(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?(?:e([+-]?\d{1,2}))?$/i.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent = '0'] = parts;
  const digits = BigInt(whole.replaceAll(',', '') + fraction);
  const shift = 9 + Number(exponent) - fraction.length;
  const divisor = 10n ** BigInt(Math.max(0, -shift));
  const nanos = (digits * 10n ** BigInt(Math.max(0, shift)) * 2n + divisor) / (divisor * 2n);
  return sign === '-' ? -nanos : nanos;
}

/** Day in UTC. A time without a zone is taken for one in UTC. */
function dayIn(text: string): string | undefined {
  if (/^\d{9,10}(?:\.0*)?$/.test(text)) return new Date(Number(text) * 1000).toISOString().slice(0, 10);
  const parts = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2})?(?:\.\d+)?(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(text);
  if (parts === null) return undefined;
  const [, day = '', time = '00:00', seconds = '', zone = 'Z'] = parts;
  const at = Date.parse(`${day}T${time}${seconds}${zone.toUpperCase()}`);
  if (Number.isNaN(at) || !existsDay(day)) return undefined;
  return new Date(at).toISOString().slice(0, 10);
}

/** Date.parse takes the 31st of a short month for the next one's first. */
function existsDay(day: string): boolean {
  const at = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(day);
}
