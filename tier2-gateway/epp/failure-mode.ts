import type { EppFailureKind } from './failure.ts';

/** `endpointPickerRef.failureMode` of an InferencePool. */
export type FailureMode = 'FailOpen' | 'FailClose';

/** How an exchange with a picker came out, as far as the decision needs it. */
export type PickerOutcome =
  | { readonly kind: 'picked' }
  | { readonly kind: 'immediate'; readonly status: number }
  | { readonly kind: 'failed'; readonly failure: { readonly kind: EppFailureKind; readonly afterPick: boolean } };

export type PickerDecision =
  /** Send the request to the picked endpoints. `log`: the picker failed afterwards, which the client does not notice. */
  | { readonly act: 'use-pick'; readonly log: boolean }
  /** Answer with the picker's own response, as it is. */
  | { readonly act: 'answer-as-is' }
  /** The gateway picks an endpoint of the pool by itself. */
  | { readonly act: 'pick-self' }
  /** Answer with an error of the gateway's. */
  | { readonly act: 'answer-error'; readonly status: 503 | 504 };

/**
 * What the gateway does after an exchange. A deliberate 429 or 503 of the picker never fails open: it protects the pool, and an answer
 * past it would be what the picker refused. A failure after the pick keeps the pick in both modes. A picker that is down or speaks
 * nonsense is 503 and not Envoy's 500: the client may try again.
 */
export function decide(outcome: PickerOutcome, mode: FailureMode): PickerDecision {
  if (outcome.kind === 'immediate') return { act: 'answer-as-is' };
  if (outcome.kind === 'picked') return { act: 'use-pick', log: false };
  if (outcome.failure.afterPick) return { act: 'use-pick', log: true };
  if (mode === 'FailOpen') return { act: 'pick-self' };
  return { act: 'answer-error', status: outcome.failure.kind === 'timeout' ? 504 : 503 };
}
