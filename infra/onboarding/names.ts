import type { OnboardingRequest } from './request.ts';

/** Label of every object of a team. */
export const OWNER_LABEL = 'tierkit.dev/owner';
/** Label of every object that was onboarded: under which name. */
export const ONBOARDED_LABEL = 'tierkit.dev/onboarded';
export const CONTACT_ANNOTATION = 'tierkit.dev/contact';
/** On the namespace: the request that all was made of, as JSON. */
export const REQUEST_ANNOTATION = 'tierkit.dev/onboarding';

/** Of the objects at tier one, where those of all teams and of the platform are. */
export function gatewayName(name: string): string {
  return `team-${name}`;
}

/** The Secret with the keys of a team's apps. */
export function keysName(name: string): string {
  return `team-${name}-keys`;
}

export function ownerLabels({ owner, name }: OnboardingRequest): Record<string, string> {
  return { [OWNER_LABEL]: owner, [ONBOARDED_LABEL]: name };
}
