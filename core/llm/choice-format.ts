import type { BlockOf, ResponseFormat } from './conversation.ts';
import type { Losses } from './losses.ts';

/** What an answer has to be one of, said to a model whose API cannot say it: a schema would make it JSON, which is another text. */
export function choiceInWords(format: ResponseFormat | undefined, losses: Losses): readonly BlockOf<'text'>[] {
  if (format?.type !== 'choice') return [];
  losses.approximate(format.at);
  return [{ type: 'text', text: `Answer with one of these, as it stands there, and nothing else: ${JSON.stringify(format.choices)}` }];
}
