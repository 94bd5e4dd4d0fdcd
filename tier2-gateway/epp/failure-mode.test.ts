import { describe, expect, it } from 'vitest';

import { decide } from './failure-mode.ts';
import type { FailureMode, PickerDecision, PickerOutcome } from './failure-mode.ts';
import type { EppFailureKind } from './failure.ts';

const KINDS: readonly EppFailureKind[] = ['unreachable', 'timeout', 'closed-before-pick', 'protocol'];

function failed(kind: EppFailureKind, afterPick: boolean): PickerOutcome {
  return { kind: 'failed', failure: { kind, afterPick } };
}

describe('decide', () => {
  const rows: readonly (readonly [string, PickerOutcome, PickerDecision, PickerDecision])[] = [
    ['a pick', { kind: 'picked' }, { act: 'use-pick', log: false }, { act: 'use-pick', log: false }],
    ['an unreachable picker', failed('unreachable', false), { act: 'answer-error', status: 503 }, { act: 'pick-self' }],
    ['a late answer', failed('timeout', false), { act: 'answer-error', status: 504 }, { act: 'pick-self' }],
    ['a clean end without a pick', failed('closed-before-pick', false), { act: 'answer-error', status: 503 }, { act: 'pick-self' }],
    ['nonsense', failed('protocol', false), { act: 'answer-error', status: 503 }, { act: 'pick-self' }],
    ['a deliberate 429', { kind: 'immediate', status: 429 }, { act: 'answer-as-is' }, { act: 'answer-as-is' }],
    ['a deliberate 503', { kind: 'immediate', status: 503 }, { act: 'answer-as-is' }, { act: 'answer-as-is' }],
  ];
  for (const [name, outcome, close, open] of rows) {
    it(`of ${name}`, () => {
      expect(decide(outcome, 'FailClose')).toEqual(close);
      expect(decide(outcome, 'FailOpen')).toEqual(open);
    });
  }

  it('keeps the pick whatever happens after it', () => {
    for (const kind of KINDS) {
      for (const mode of ['FailOpen', 'FailClose'] satisfies FailureMode[]) {
        expect(decide(failed(kind, true), mode)).toEqual({ act: 'use-pick', log: true });
      }
    }
  });
});
