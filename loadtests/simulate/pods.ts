import { profileOf } from '../../kserve/simulator/engine/profile.ts';
import type { Profile } from '../../kserve/simulator/engine/profile.ts';
import type { Failure } from '../../kserve/simulator/failures.ts';
import { type PodOptions, SimulatedPod } from '../../kserve/simulator/pod.ts';

export const MODEL = 'Qwen/Qwen3-32B';
/** The only calibrated profile. */
export const H100: Profile = profileOf('qwen3-32b-2xh100');

/** Pods of the calibrated profile, with differences by number. */
export function podsOf(count: number, seed: number, more: (index: number) => Partial<PodOptions> = () => ({})): readonly SimulatedPod[] {
  return Array.from(
    { length: count },
    (_, index) => new SimulatedPod({ name: `pod-${index}`, model: MODEL, profile: H100, seed, ...more(index) }),
  );
}

export type { Failure };
