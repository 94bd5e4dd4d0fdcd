import type { Search, SearchPlace } from './conversation.ts';
import type { Fields } from './fields.ts';
import { given, type Json } from './given.ts';
import type { Losses } from './losses.ts';

/** A search of which nothing more is asked. @param at where it is asked for */
export function searchAt(at: string): Search {
  return {
    allowedDomains: [],
    blockedDomains: [],
    maxUses: undefined,
    contextSize: undefined,
    place: undefined,
    timeRange: undefined,
    blockingConfidence: undefined,
    isEnterprise: false,
    at,
  };
}

/** The first one: there is one web, and APIs have one tool for it. */
export function oneSearch(all: readonly Search[], losses: Losses): Search | undefined {
  const [first, ...others] = all;
  for (const { at } of others) losses.drop(at);
  return first;
}

/** A list of domains. */
export function domainsIn(of: Fields, ...names: readonly string[]): readonly string[] {
  return names.flatMap((name) =>
    (of.list(name) ?? []).map((each, index) => {
      if (typeof each !== 'string') throw of.wrong(`${name}[${index}]`, 'must be a text');
      return each;
    }),
  );
}

/** `user_location` of OpenAI and of Anthropic, about where the user is. */
export function placeIn(location: Fields | undefined, losses: Losses): SearchPlace | undefined {
  if (location === undefined) return undefined;
  // Always `approximate`.
  location.raw('type');
  const place = {
    city: location.text('city'),
    region: location.text('region'),
    country: location.text('country'),
    timezone: location.text('timezone'),
  };
  losses.dropLeft(location);
  return Object.values(place).some((each) => each !== undefined) ? place : undefined;
}

/** What {@link placeIn} reads. */
export function placeOf(place: SearchPlace | undefined): Json | undefined {
  return place === undefined ? undefined : given({ ...place });
}

const SIZES = ['low', 'medium', 'high'] as const;

/** How much of what is found the model gets to read. */
export function sizeIn(of: Fields): Search['contextSize'] {
  const text = of.text('search_context_size');
  const size = SIZES.find((each) => each === text);
  if (text !== undefined && size === undefined) throw of.wrong('search_context_size', `must be low, medium or high, not "${text}"`);
  return size;
}

/** Names of what a search may be asked to keep to, as losses call it. */
const NAMES = {
  allowedDomains: 'allowed_domains',
  blockedDomains: 'blocked_domains',
  maxUses: 'max_uses',
  contextSize: 'search_context_size',
  place: 'user_location',
  timeRange: 'time_range_filter',
  blockingConfidence: 'blocking_confidence',
} as const;

/** Tells what of a search an API cannot say. @param said what it can */
export function dropUnsaid(search: Search, said: readonly (keyof typeof NAMES | 'isEnterprise')[], losses: Losses): void {
  for (const [field, name] of Object.entries(NAMES) as [keyof typeof NAMES, string][]) {
    const value = search[field];
    const isAsked = Array.isArray(value) ? value.length > 0 : value !== undefined;
    if (isAsked && !said.includes(field)) losses.drop(`${search.at}.${name}`);
  }
  // Any page of the web is more than those that are fit for it.
  if (search.isEnterprise && !said.includes('isEnterprise')) losses.approximate(search.at);
}
