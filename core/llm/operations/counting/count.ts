import { CODECS } from '../../codecs.ts';
import { Fields } from '../../fields.ts';
import { Losses } from '../../losses.ts';
import { malformed } from '../../malformed.ts';
import type { Operation } from '../../operation.ts';
import type { Counted } from './counted.ts';
import type { Counter } from './counters.ts';

/** Asks a backend's own counter for the tokens of what a client says in its own API. */
export function counting(counted: Counted, { name, dialect, verb, body, member }: Counter): Operation {
  return {
    name,
    encode(asked, model) {
      const conversation = { ...counted.read(asked), model };
      const encoded = CODECS[dialect].encodeRequest(conversation);
      return {
        verb,
        body: body(encoded.body),
        // A bound that the API asks for, and nobody counts.
        losses: encoded.losses.filter(({ path }) => path !== 'max_tokens'),
        decode(answer) {
          const tokens = Fields.of(answer, malformed).number(member);
          if (tokens === undefined || !Number.isInteger(tokens) || tokens < 0) throw malformed(member, 'must be a number of tokens');
          const losses = new Losses();
          return { body: counted.answer(tokens, losses), losses: losses.list(), usage: undefined };
        },
      };
    },
  };
}
