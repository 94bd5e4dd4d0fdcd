import { didYouMean } from '#core/resources/nearest';

import { isModelUri } from '../../kserve/charts/storage-uri.ts';
import type { Release } from '../settings.ts';
import { notWhole, noUri, wholeNumber } from './read.ts';
import { InvalidRequest, type OnboardingRequest } from './request.ts';

/** What is done to a release. */
export const RELEASE_STEPS = ['start', 'weight', 'promote', 'rollback', 'finish'] as const;
export type ReleaseStep = (typeof RELEASE_STEPS)[number];

/** As it is written on a command line. */
export interface ReleaseTexts {
  readonly step?: string | undefined;
  /** VERSION of `start`, PERCENT of `weight`. */
  readonly argument?: string | undefined;
  readonly source?: string | undefined;
  readonly image?: string | undefined;
  readonly replicas?: string | undefined;
}

const VERSION = /^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/;
const IMAGE = /^[a-z0-9][a-zA-Z0-9._/:@-]{0,511}$/;
const MOST_REPLICAS = 1000;

/**
 * What is asked for after a step. Nothing of it is seen by tier one: the name of the model stays, and so do limits, budget and keys.
 * @throws InvalidRequest where the step does not fit what is there
 */
export function released(request: OnboardingRequest, texts: ReleaseTexts): OnboardingRequest {
  const step = stepOf(texts.step);
  if (step !== 'start') {
    for (const flag of ['source', 'image', 'replicas'] as const)
      if (texts[flag] !== undefined) throw wrong(`--${flag}`, `is for start: ${step} changes where requests go, and no pod`);
    if (step !== 'weight' && texts.argument !== undefined) throw wrong(step, `takes no "${texts.argument}"`);
  }
  if (step === 'start') return started(request, texts);
  const { release } = request;
  if (release === undefined) throw wrong('NAME', `${request.name} has no release: tierkit release ${request.name} start VERSION`);
  switch (step) {
    case 'weight':
      return { ...request, release: { ...release, weight: percent(texts.argument) } };
    case 'promote':
      return { ...request, release: { ...release, weight: 100 } };
    case 'rollback':
      return { ...request, release: { ...release, weight: 0 } };
    case 'finish':
      return finished(request, release);
  }
}

function stepOf(step: string | undefined): ReleaseStep {
  const found = RELEASE_STEPS.find((each) => each === step);
  if (found === undefined)
    throw wrong('STEP', `there is no "${step}"${didYouMean(step ?? '', RELEASE_STEPS)} (one of ${RELEASE_STEPS.join(', ')})`);
  return found;
}

/** Without requests: its pods are not ready yet. */
function started(request: OnboardingRequest, { argument: version, source, image, replicas }: ReleaseTexts): OnboardingRequest {
  const { name, runtime, release, version: current } = request;
  if (release !== undefined)
    throw wrong('start', `${name} has release ${release.version} with ${release.weight} % already: promote or roll it back, and finish it`);
  if (version === undefined) throw wrong('VERSION', 'is required: what its pool and pods are called behind the name, such as v2');
  if (!VERSION.test(version)) throw wrong('VERSION', `"${version}" must be lower case letters, digits and "-", 10 at most`);
  if (version === current) throw wrong('VERSION', `"${version}" is what runs already; a release has another version`);
  if (source !== undefined && runtime === 'simulator') throw wrong('--source', 'the simulator has no weights; leave it out');
  if (source !== undefined && runtime === 'kserve' && !isModelUri(source)) throw wrong('--source', noUri(source));
  if (image !== undefined && !IMAGE.test(image)) throw wrong('--image', `"${image}" is no image such as registry.example.com/vllm:1.2`);
  return {
    ...request,
    release: {
      version,
      weight: 0,
      ...(source === undefined ? {} : { source }),
      ...(image === undefined ? {} : { image }),
      ...(replicas === undefined ? {} : { replicas: whole('--replicas', replicas, 1, MOST_REPLICAS) }),
    },
  };
}

/** The version with all requests stays, as it is; the other one goes. */
function finished(request: OnboardingRequest, { version, weight, ...own }: Release): OnboardingRequest {
  const { release: _, ...rest } = request;
  if (weight === 0) return rest;
  if (weight === 100) return { ...rest, ...own, version };
  throw wrong('finish', `both versions have requests (${version} has ${weight} %): promote or rollback first`);
}

function percent(text: string | undefined): number {
  if (text === undefined) throw wrong('PERCENT', 'is required: how much of the requests the new version gets, 0 to 100');
  return whole('PERCENT', text.replace(/%$/, ''), 0, 100);
}

function whole(flag: string, text: string, least: number, most: number): number {
  const number = wholeNumber(text, least, most);
  if (number === undefined) throw wrong(flag, notWhole(text, least, most));
  return number;
}

function wrong(flag: string, message: string): InvalidRequest {
  return new InvalidRequest([{ flag, message }]);
}
