import type { JsonObjectScan } from '../../../json/scan.ts';
import { badRequest, Fields } from '../../fields.ts';
import type { Losses } from '../../losses.ts';
import { unsupported } from '../unsupported.ts';
import { taskOf, type Task } from './task.ts';

/** What becomes of a text that is longer than the model takes; `none`: it is refused. */
export type Truncation = 'none' | 'start' | 'end';

/** Something that not every backend can say, and where the client said it. */
export interface Said<Value> {
  readonly at: string;
  readonly value: Value;
}

/** A request for vectors, one a text. */
export interface EmbeddingsRequest {
  readonly texts: readonly string[];
  /** Numbers of a vector; undefined: as many as the model likes. */
  readonly dimensions: number | undefined;
  /** How the client wants a vector: numbers, or base64 of float32 in little-endian order. */
  readonly encoding: 'float' | 'base64';
  readonly task: Said<Task> | undefined;
  readonly title: Said<string> | undefined;
  readonly truncate: Said<Truncation> | undefined;
  /** Whether vectors have the length 1. */
  readonly normalize: Said<boolean> | undefined;
}

const TRUNCATIONS: readonly string[] = ['none', 'start', 'end'];

/**
 * Reads a request of the OpenAI API, with what backends that speak it have besides: `input_type`, `task_type`, `title`, `truncate`,
 * `auto_truncate`, `normalize`.
 *
 * @see https://platform.openai.com/docs/api-reference/embeddings/create
 * @param losses takes what no other API can say
 * @throws GatewayError TK_BAD_REQUEST, and TK_UNSUPPORTED for texts that are numbers of tokens
 */
export function readEmbeddings(body: JsonObjectScan, losses: Losses): EmbeddingsRequest {
  const fields = Fields.of(body);
  fields.raw('model');
  const request: EmbeddingsRequest = {
    texts: textsOf(fields),
    dimensions: dimensionsOf(fields),
    encoding: encodingOf(fields),
    task: taskIn(fields, losses),
    title: said('title', fields.text('title')),
    truncate: truncationIn(fields, losses),
    normalize: said('normalize', fields.boolean('normalize')),
  };
  losses.dropLeft(fields);
  return request;
}

function said<Value>(at: string, value: Value | undefined): Said<Value> | undefined {
  return value === undefined ? undefined : { at, value };
}

function textsOf(fields: Fields): readonly string[] {
  const input = fields.raw('input');
  if (input === undefined) throw badRequest('input', 'is required');
  if (typeof input === 'string') return [input];
  if (!Array.isArray(input)) throw badRequest('input', 'must be a text or a list of texts');
  if (input.length === 0) throw badRequest('input', 'must have a text');
  if (input.every((each) => typeof each === 'string')) return input;
  if (input.every(isNumber) || input.every((each) => Array.isArray(each) && each.every(isNumber)))
    throw unsupported('input', 'the backend takes input as text, not as numbers of tokens, which mean something else to each model');
  throw badRequest('input', 'must be a text or a list of texts');
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number';
}

function dimensionsOf(fields: Fields): number | undefined {
  const value = fields.number('dimensions');
  if (value !== undefined && !(Number.isSafeInteger(value) && value > 0)) throw badRequest('dimensions', 'must be a whole number above 0');
  return value;
}

function encodingOf(fields: Fields): 'float' | 'base64' {
  const value = fields.text('encoding_format') ?? 'float';
  if (value === 'float' || value === 'base64') return value;
  throw badRequest('encoding_format', 'must be float or base64');
}

function taskIn(fields: Fields, losses: Losses): Said<Task> | undefined {
  const names = (['task_type', 'input_type'] as const).flatMap((at) => said(at, fields.text(at)) ?? []);
  const tasks = names.flatMap(({ at, value }) => said(at, taskOf(value)) ?? []);
  // An unknown one, and one that says another thing than the one before it.
  for (const { at } of names) if (tasks.find((task) => task.at === at)?.value !== tasks[0]?.value || tasks.length === 0) losses.drop(at);
  return tasks[0];
}

function truncationIn(fields: Fields, losses: Losses): Said<Truncation> | undefined {
  const auto = said('auto_truncate', fields.boolean('auto_truncate'));
  const asked = fields.text('truncate')?.toLowerCase();
  if (asked === undefined) return auto === undefined ? undefined : { at: auto.at, value: auto.value ? 'end' : 'none' };
  if (auto !== undefined) losses.drop(auto.at);
  if (TRUNCATIONS.includes(asked)) return { at: 'truncate', value: asked as Truncation };
  losses.drop('truncate');
  return undefined;
}

/** Tells of what a backend has no word for. */
export function dropSaid(losses: Losses, ...all: readonly (Said<unknown> | undefined)[]): void {
  for (const each of all) if (each !== undefined) losses.drop(each.at);
}

/** @throws GatewayError TK_UNSUPPORTED unless the one size of the model is what was asked for */
export function requireDimensions({ dimensions }: EmbeddingsRequest, only: number): void {
  if (dimensions === undefined || dimensions === only) return;
  throw unsupported('dimensions', `the model of the backend makes vectors of ${only} numbers, and no others`);
}

/** @throws GatewayError TK_UNSUPPORTED for several texts */
export function oneText({ texts: [text, ...others] }: EmbeddingsRequest): string {
  if (others.length > 0) throw unsupported('input', 'the model of the backend takes one text a request');
  return text!;
}
