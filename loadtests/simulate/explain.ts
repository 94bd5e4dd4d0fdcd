import { type Decision, TERMS } from '../../tier2-gateway/picker/decisions.ts';
import { line } from './table.ts';

/** A decision in words and as a table of costs: a millisecond between tokens is 1. */
export function explained(decision: Decision): string {
  const shown = TERMS.filter((term) => decision.candidates.some(({ terms }) => terms[term] !== 0));
  return [
    `Request ${decision.requestId} at ${(decision.at / 1000).toFixed(3)} s, ${decision.inputTokens} tokens: ${decision.reason}.`,
    '',
    line(['endpoint', ...shown]),
    line(['endpoint', ...shown].map(() => '---')),
    ...decision.candidates.map(({ id, chosen, terms }) =>
      line([chosen ? `**${id}**` : id, ...shown.map((term) => terms[term].toFixed(1))]),
    ),
    '',
    ...decision.excluded.map(({ id, why }) => `${id} was no candidate: ${why}.`),
    ...decision.events.map(({ at, what }) => `after ${((at - decision.at) / 1000).toFixed(3)} s: ${what}`),
  ].join('\n');
}
