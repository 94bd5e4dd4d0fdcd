import { didYouMean } from '#core/resources/nearest';

import { isModelUri } from '../../kserve/charts/storage-uri.ts';
import type { Runtime, Settings } from '../settings.ts';
import { InvalidRequest, type OnboardingRequest } from './request.ts';
import { modelTakenBy, nameTakenBy } from './taken.ts';

/** A request as it is written on a command line. */
export interface RequestTexts {
  readonly name?: string | undefined;
  readonly model?: string | undefined;
  readonly owner?: string | undefined;
  readonly group?: string | undefined;
  readonly runtime?: string | undefined;
  readonly source?: string | undefined;
  readonly replicas?: string | undefined;
  readonly gpus?: string | undefined;
  readonly 'requests-per-minute'?: string | undefined;
  readonly 'tokens-per-minute'?: string | undefined;
  readonly budget?: string | undefined;
  readonly price?: string | undefined;
  readonly contact?: string | undefined;
}

const RUNTIMES = ['simulator', 'vllm', 'kserve'] as const satisfies readonly Runtime[];
/** Of the `requests` of a limit. */
const MOST_REQUESTS = 4_294_967_295;
const MONEY = /^(0|[1-9][0-9]{0,11})(\.[0-9]{1,7})?$/;

/** The price is in a PriceTable of the gateway's cluster. */
const LISTED = 'listed';

/**
 * @param others that were onboarded before
 * @throws InvalidRequest with everything that is wrong
 */
export function readRequest(given: RequestTexts, settings: Settings, others: readonly OnboardingRequest[]): OnboardingRequest {
  const reader = new Reader();
  const name = reader.label('NAME', given.name, 'is required: of the namespace that the model gets');
  const model = reader.text('--model', given.model, 256, 'is required: the name by which apps ask for the model');
  const owner = reader.label('--owner', given.owner, 'is required: the team that the model belongs to');
  if (model.includes('*')) reader.wrong('--model', `"${model}" has a *, which limits and prices take for any name`);
  const group = given.group === undefined ? owner : reader.text('--group', given.group, 256, '');
  if (group.startsWith('system:'))
    reader.wrong('--group', `"${group}" is a group of Kubernetes itself, which many are in: name that of the team`);
  const runtime = reader.oneOf('--runtime', given.runtime ?? 'simulator', RUNTIMES);
  const replicas = reader.whole('--replicas', given.replicas, 1, 1000) ?? 1;
  const gpus = reader.whole('--gpus', given.gpus, 0, 64) ?? (runtime === 'simulator' ? 0 : 1);
  if (runtime === 'simulator' && gpus > 0)
    reader.wrong('--gpus', 'the simulator computes nothing and needs no GPU; leave it out, or say --runtime vllm or kserve');
  const before = others.find((each) => each.name === name && each.owner === owner);
  if (before?.release !== undefined && before.runtime !== runtime)
    reader.wrong('--runtime', `release ${before.release.version} is one of ${before.runtime}: tierkit release ${name} finish comes first`);
  const source = releasedSource(reader, given, runtime, before) ?? sourceOf(reader, given, runtime, model);
  const requestsPerMinute = reader.whole('--requests-per-minute', given['requests-per-minute'], 1, MOST_REQUESTS);
  const tokensPerMinute = reader.whole('--tokens-per-minute', given['tokens-per-minute'], 1, MOST_REQUESTS);
  const budget = reader.money('--budget', given.budget, 'USD in a month, such as 500');
  const price = priceOf(reader, given);
  const contact = given.contact === undefined ? undefined : reader.text('--contact', given.contact, 256, '');
  const nameTaken = nameTakenBy(name, owner, settings, others);
  if (nameTaken !== undefined) reader.wrong('NAME', nameTaken);
  const modelTaken = modelTakenBy(model, name, settings, others);
  if (modelTaken !== undefined) reader.wrong('--model', modelTaken);
  reader.end();
  return {
    name,
    model,
    owner,
    group,
    runtime,
    ...(source === undefined ? {} : { source }),
    replicas,
    gpus,
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
    ...(tokensPerMinute === undefined ? {} : { tokensPerMinute }),
    ...(budget === undefined ? {} : { budget }),
    ...(price === undefined ? {} : { price }),
    ...(contact === undefined ? {} : { contact }),
    ...(before === undefined ? {} : kept(before, runtime)),
  };
}

/** What came by releases: a request that is made anew has it as before. */
function kept({ image, version, release, runtime: before }: OnboardingRequest, runtime: Runtime): Partial<OnboardingRequest> {
  return {
    ...(image === undefined || before !== runtime ? {} : { image }),
    ...(version === undefined ? {} : { version }),
    ...(release === undefined ? {} : { release }),
  };
}

/** After a release the weights are those that it brought; undefined before one. */
function releasedSource(
  reader: Reader,
  { source }: RequestTexts,
  runtime: Runtime,
  before: OnboardingRequest | undefined,
): string | undefined {
  if (before?.version === undefined || before.source === undefined || before.runtime !== runtime) return undefined;
  if (source !== undefined && source !== before.source)
    reader.wrong(
      '--source',
      `${before.name} runs version ${before.version} with ${before.source}; other weights are another version: tierkit release ${before.name} start VERSION --source ${source}`,
    );
  return before.source;
}

function sourceOf(reader: Reader, { source }: RequestTexts, runtime: Runtime, model: string): string | undefined {
  if (runtime === 'simulator') {
    if (source !== undefined) reader.wrong('--source', 'the simulator has no weights; leave it out, or say --runtime vllm or kserve');
    return undefined;
  }
  const isHub = HUB.test(model);
  if (source === undefined) {
    if (isHub) return runtime === 'kserve' ? `hf://${model}` : model;
    const form = runtime === 'kserve' ? 'hf://OWNER/MODEL, pvc://CLAIM/PATH or s3://BUCKET/PATH' : 'OWNER/MODEL of Hugging Face, or a path';
    reader.wrong('--source', `is required, as "${model}" does not say where the weights are: ${form}`);
    return undefined;
  }
  if (runtime === 'kserve' && !isModelUri(source)) reader.wrong('--source', noUri(source));
  return reader.text('--source', source, 1024, '');
}

const HUB = /^[^/\s:]+\/[^/\s:]+$/;

/** What is wrong with weights that KServe does not take. */
export function noUri(source: string): string {
  const near = HUB.test(source) ? `; did you mean "hf://${source}"?` : '';
  return `"${source}" is no URI such as hf://OWNER/MODEL or pvc://CLAIM/PATH, which KServe takes${near}`;
}

export function wholeNumber(text: string, least: number, most: number): number | undefined {
  const number = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  return number >= least && number <= most ? number : undefined;
}

export function notWhole(text: string, least: number, most: number): string {
  return `must be a whole number from ${least} to ${most}, not "${text}"`;
}

function priceOf(reader: Reader, { budget, price }: RequestTexts): OnboardingRequest['price'] {
  if (price === undefined) {
    if (budget !== undefined)
      reader.wrong(
        '--price',
        `is required with --budget: without a price every request would be refused; say USD for a million tokens as INPUT/OUTPUT, such as 0.20/0.80, or ${LISTED} where a PriceTable has it`,
      );
    return undefined;
  }
  if (price === LISTED) return undefined;
  const [input = '', output = '', ...more] = price.split('/');
  if (more.length > 0 || !MONEY.test(input) || !MONEY.test(output)) {
    reader.wrong('--price', `must be USD for a million tokens as INPUT/OUTPUT, such as 0.20/0.80, or ${LISTED}, not "${price}"`);
    return undefined;
  }
  return { input, output };
}

/** Reads one flag after the other, and keeps what is wrong. */
class Reader {
  readonly #problems: { flag: string; message: string }[] = [];

  wrong(flag: string, message: string): void {
    this.#problems.push({ flag, message });
  }

  /** @throws InvalidRequest where something was wrong */
  end(): void {
    if (this.#problems.length > 0) throw new InvalidRequest(this.#problems);
  }

  text(flag: string, value: string | undefined, most: number, why: string): string {
    if (value === undefined || value.trim() === '') this.wrong(flag, value === undefined ? why : 'is empty');
    // oxlint-disable-next-line no-control-regex -- that is what is looked for
    else if (value.length > most || /[\u0000-\u001F\u007F]/.test(value))
      this.wrong(flag, `must be one line of at most ${most} characters, not ${value.length}`);
    return value ?? '';
  }

  /** A name that is a label too, and stays one with a few letters more. */
  label(flag: string, value: string | undefined, why: string): string {
    if (value === undefined) {
      this.wrong(flag, why);
      return '';
    }
    if (!/^[a-z0-9]([-a-z0-9]{0,33}[a-z0-9])?$/.test(value)) {
      const near = nearestLabel(value);
      const hint = near === '' ? '' : `; did you mean "${near}"?`;
      this.wrong(flag, `"${value}" must be lower case letters, digits and "-", 35 at most, as names of Kubernetes are${hint}`);
    }
    return value;
  }

  oneOf<const T extends string>(flag: string, value: string, names: readonly T[]): T {
    const found = names.find((name) => name === value);
    if (found === undefined) this.wrong(flag, `there is no "${value}"${didYouMean(value, names)} (one of ${names.join(', ')})`);
    return found ?? names[0]!;
  }

  whole(flag: string, value: string | undefined, least: number, most: number): number | undefined {
    if (value === undefined) return undefined;
    const number = wholeNumber(value, least, most);
    if (number === undefined) this.wrong(flag, notWhole(value, least, most));
    return number;
  }

  money(flag: string, value: string | undefined, what: string): string | undefined {
    if (value === undefined) return undefined;
    if (MONEY.test(value)) return value;
    const plain = value.replaceAll(/[$,_\s]|USD/gi, '');
    this.wrong(flag, `must be ${what}, not "${value}"${MONEY.test(plain) ? `; did you mean "${plain}"?` : ''}`);
    return undefined;
  }
}

function nearestLabel(value: string): string {
  return value
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .slice(0, 35)
    .replaceAll(/^-+|-+$/g, '');
}
