import { resolve } from 'node:path';

import { didYouMean } from '#core/resources/nearest';

import { SETS, type SetName } from '../onboarding/files.ts';
import { readRequest, type RequestTexts } from '../onboarding/read.ts';
import { released } from '../onboarding/release.ts';
import { requestFields, requestFile } from '../onboarding/request-file.ts';
import { InvalidRequest, type OnboardingRequest } from '../onboarding/request.ts';
import type { ReadKey } from '../platform/configuration.ts';
import type { Settings } from '../settings.ts';

/** What the configuration of a team's stack asks for. */
export interface Team {
  readonly request: OnboardingRequest;
  /** By app. */
  readonly keys: Readonly<Record<string, string>>;
}

export interface TeamPlace {
  /** What relative paths begin at. */
  readonly folder: string;
  /** Of the platform. */
  readonly settings: Settings;
  /** What the stack makes. */
  readonly sets: readonly SetName[];
  /** Teams that are there, this one too if it is. */
  readonly present: readonly OnboardingRequest[];
}

const RELEASE_FIELDS = ['version', 'weight', 'source', 'image', 'replicas'] as const;
/** Of entries of a Secret, as apps are called by them in access logs and limits. */
const APP = /^[A-Za-z0-9]([-._A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;
const LEAST_KEY = 16;

/** @throws InvalidRequest with what is wrong, FolderTrouble where a file cannot be read */
export function teamOf(read: ReadKey, { folder, settings, sets, present }: TeamPlace): Team {
  const texts = textsOf(read, folder);
  // What came by releases is in the configuration here, and not in the cluster.
  const others = present.filter(({ name, owner }) => name !== texts.name || owner !== texts.owner);
  const asked = readRequest(texts, settings, others);
  const version = read('version') ?? '';
  const request = withRelease(version === '' ? asked : { ...asked, version }, objectOf(read, 'release'));
  return { request, keys: sets.includes('gateway') ? keysOf(read) : {} };
}

function textsOf(read: ReadKey, folder: string): RequestTexts {
  const file = read('requestFile') ?? '';
  const given = objectOf(read, 'request');
  const isGiven = Object.keys(given).length > 0;
  if (file !== '' && isGiven) throw wrong('requestFile', 'is set, and request as well: keep one of them');
  if (file !== '') return requestFile(resolve(folder, file));
  if (!isGiven)
    throw wrong('request', 'there is none: pulumi config set requestFile FILE, or pulumi config set --path request.name NAME and so on');
  return requestFields(given, 'request');
}

/** The steps of a release, as `tierkit release` would go them. */
function withRelease(request: OnboardingRequest, given: Readonly<Record<string, unknown>>): OnboardingRequest {
  const fields = Object.entries(given);
  if (fields.length === 0) return request;
  const unknown = fields.find(([field]) => !RELEASE_FIELDS.some((known) => known === field));
  if (unknown !== undefined) throw wrong('release', `there is no field "${unknown[0]}"${didYouMean(unknown[0], RELEASE_FIELDS)}`);
  const { version, weight = 0, source, image, replicas } = Object.fromEntries(fields.map(([field, value]) => [field, String(value)]));
  const started = released(request, { step: 'start', argument: version, source, image, replicas });
  return released(started, { step: 'weight', argument: String(weight) });
}

/** @throws InvalidRequest */
export function setsOf(read: ReadKey): readonly SetName[] {
  const text = read('sets') ?? 'both';
  if (text === 'both') return SETS;
  const found = SETS.filter((set) => set === text);
  if (found.length === 0)
    throw wrong('sets', `there is no "${text}"${didYouMean(text, ['both', ...SETS])} (one of both, ${SETS.join(', ')})`);
  return found;
}

function keysOf(read: ReadKey): Record<string, string> {
  const keys = Object.entries(objectOf(read, 'keys'));
  if (keys.length === 0)
    throw wrong(
      'keys',
      'no app has a key, and every request would be refused: pulumi config set --secret --path keys.APP "$(openssl rand -hex 20)"',
    );
  for (const [app, key] of keys) {
    if (!APP.test(app)) throw wrong('keys', `"${app}" must be letters, digits, "-", "_" and ".", 63 at most`);
    // Never what it is.
    if (typeof key !== 'string' || key.length < LEAST_KEY)
      throw wrong(`keys.${app}`, `must be a text of ${LEAST_KEY} characters or more: pulumi config set --secret --path keys.${app} KEY`);
  }
  return Object.fromEntries(keys) as Record<string, string>;
}

function objectOf(read: ReadKey, key: string): Record<string, unknown> {
  const text = read(key);
  if (text === undefined || text === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below; the text may have a secret in it.
  }
  throw wrong(key, `has to be an object: pulumi config set --path ${key}.FIELD VALUE`);
}

function wrong(flag: string, message: string): InvalidRequest {
  return new InvalidRequest([{ flag, message }]);
}
