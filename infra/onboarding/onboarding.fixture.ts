// For tests: two teams that come to a platform.
import { FLAVOURS } from '../charts/flavours.fixture.ts';
import type { Settings } from '../settings.ts';
import { type Onboarding, onboard } from './onboard.ts';
import { readRequest, type RequestTexts } from './read.ts';
import type { OnboardingRequest } from './request.ts';

export const SEARCH: RequestTexts = {
  name: 'search',
  model: 'search-8b',
  owner: 'team-search',
  replicas: '2',
  'requests-per-minute': '2',
  budget: '100',
  price: '0.20/0.80',
  contact: 'search@example.com',
};
export const ADS: RequestTexts = {
  name: 'ads',
  model: 'ads-8b',
  owner: 'team-ads',
  'requests-per-minute': '1',
  'tokens-per-minute': '9000',
};
export const VLLM: RequestTexts = { name: 'maps', model: 'acme/maps-70b', owner: 'team-maps', runtime: 'vllm', gpus: '4' };
export const KSERVE: RequestTexts = { name: 'voice', model: 'acme/voice-8b', owner: 'team-voice', runtime: 'kserve', replicas: '3' };

export const ALL_TEXTS: readonly RequestTexts[] = [SEARCH, ADS, VLLM, KSERVE];

/** Teams that come one after the other. */
export function requestsOf(settings: Settings, texts: readonly RequestTexts[]): OnboardingRequest[] {
  const requests: OnboardingRequest[] = [];
  for (const each of texts) requests.push(readRequest(each, settings, requests));
  return requests;
}

export function onboardAll(settings: Settings, texts: readonly RequestTexts[] = ALL_TEXTS): Onboarding[] {
  return requestsOf(settings, texts).map((request) => onboard(request, settings));
}

/** Platforms that teams come to: with network policies, in one cluster and in two, and with the Prometheus operator. */
export const PLATFORMS = ['dev', 'small', 'small-two-clusters', 'production', 'other'].map((name) => [name, FLAVOURS[name]!] as const);
