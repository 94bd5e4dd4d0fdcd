import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** Where feedback goes. */
export interface FeedbackSettings {
  /** Of Phoenix; its REST API is below the path. */
  readonly url: URL;
  /** Of Phoenix' API; undefined: it wants none. Asked each time, so that a rotated key is live. */
  readonly key: () => Promise<string | undefined>;
  /** The project that the spans are in. */
  readonly project: string;
  /** Time for one feedback, from when its body is there, in milliseconds. */
  readonly patienceMs: number;
}

const PATIENCE_MS = 6000;

/** A setting that cannot be meant. Never shows a key. */
export class InvalidFeedbackSettings extends Error {
  override readonly name = 'InvalidFeedbackSettings';
}

type Env = Readonly<Record<string, string | undefined>>;

export interface FeedbackOptions {
  /** Undefined: $TIERKIT_FEEDBACK_URL. */
  readonly url: string | undefined;
  /** File with the API key; undefined: $PHOENIX_API_KEY. */
  readonly keyFile: string | undefined;
}

/** @returns undefined: feedback is off. @throws InvalidFeedbackSettings */
export function feedbackSettings({ url, keyFile }: FeedbackOptions, env: Env): FeedbackSettings | undefined {
  const given = url ?? env['TIERKIT_FEEDBACK_URL'];
  const where = url === undefined ? 'TIERKIT_FEEDBACK_URL' : '--feedback-url';
  if (given === undefined || given === '') {
    if (keyFile !== undefined) throw new InvalidFeedbackSettings('--feedback-key is for --feedback-url, which is not there');
    return undefined;
  }
  return { url: urlOf(given, where), key: keyOf(keyFile, env), project: projectOf(env), patienceMs: PATIENCE_MS };
}

function urlOf(text: string, where: string): URL {
  const example = 'such as http://phoenix:6006';
  let url: URL;
  try {
    url = new URL(text);
  } catch (error) {
    throw new InvalidFeedbackSettings(`${where} must be the URL of Phoenix, ${example}`, { cause: error });
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw new InvalidFeedbackSettings(`${where} must begin with http:// or https://, ${example}`);
  if (url.username !== '' || url.password !== '')
    throw new InvalidFeedbackSettings(`${where} must have no credential in it: put the API key into PHOENIX_API_KEY or --feedback-key`);
  if (url.search !== '' || url.hash !== '') throw new InvalidFeedbackSettings(`${where} must end with its path, ${example}`);
  return url;
}

function keyOf(file: string | undefined, env: Env): FeedbackSettings['key'] {
  if (file === undefined) {
    const key = checked(env['PHOENIX_API_KEY'] ?? '', 'PHOENIX_API_KEY');
    return () => Promise.resolve(key);
  }
  const where = `--feedback-key ${file}`;
  try {
    if (checked(readFileSync(file, 'utf8'), where) === undefined) throw new InvalidFeedbackSettings(`${where} is empty`);
  } catch (error) {
    if (error instanceof InvalidFeedbackSettings) throw error;
    throw new InvalidFeedbackSettings(`${where} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  return async () => checked(await readFile(file, 'utf8'), where);
}

function checked(text: string, where: string): string | undefined {
  const key = text.trim();
  if (key === '') return undefined;
  if (!/^[\x21-\x7e]+$/.test(key)) throw new InvalidFeedbackSettings(`${where} is no API key: it has characters that a header cannot have`);
  return key;
}

/**
 * Where Phoenix puts our spans: what the header `x-project-name` of the exports says, else the resource's attribute, else `default`.
 * @see https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
 */
function projectOf(env: Env): string {
  return (
    listed(env['OTEL_EXPORTER_OTLP_TRACES_HEADERS'], 'x-project-name') ??
    listed(env['OTEL_EXPORTER_OTLP_HEADERS'], 'x-project-name') ??
    listed(env['OTEL_RESOURCE_ATTRIBUTES'], 'openinference.project.name') ??
    'default'
  );
}

/** A value of a list like `name=value,name=value`, percent-decoded. */
function listed(list: string | undefined, wanted: string): string | undefined {
  for (const part of (list ?? '').split(',')) {
    const at = part.indexOf('=');
    if (at === -1 || part.slice(0, at).trim().toLowerCase() !== wanted) continue;
    const text = part.slice(at + 1).trim();
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  }
  return undefined;
}
