import type { Part } from '../charts/part.ts';
import type { Settings } from '../settings.ts';
import { gatewaySide } from './gateway-side.ts';
import { modelSide } from './model-side.ts';
import type { OnboardingRequest } from './request.ts';

/** What one request becomes: a set for each cluster, which different people own. */
export interface Onboarding {
  /** In the cluster of the models; the namespace is the team's. */
  readonly model: Part;
  /** In the cluster of tier one, in the namespace of the platform. */
  readonly gateway: Part;
}

/** Pure. @param settings of the platform that the team comes to; nothing of it is changed */
export function onboard(request: OnboardingRequest, settings: Settings): Onboarding {
  return { model: modelSide(request, settings), gateway: gatewaySide(request, settings) };
}
