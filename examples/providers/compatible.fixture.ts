// For tests: providers that speak chat completions, each with what it has of its own and with what it refuses.
import { RESPONSES, eventsOf } from '../../gateway/dialects.fixture.ts';
import { bodyOf, data, type Door, enter, events, type Fake, refusal, type Reply } from './fake.fixture.ts';

export interface Compatible extends Door {
  /** Name by which the bound of an answer has to come. */
  readonly limit: 'max_tokens' | 'max_completion_tokens';
  /** Fields of a chat request that it refuses. */
  readonly refuses?: readonly string[];
  /** How it refuses one. @default as OpenAI does */
  readonly refused?: (field: string) => Reply;
  /** As it stands in an answer. */
  readonly usage: object;
  /** Where in a stream: in a chunk of its own where it is asked for, in the last chunk, or in every chunk. */
  readonly usageIn: 'own' | 'last' | 'every';
  /** Beside the content of a message. */
  readonly message?: object;
  /** Deltas before the first one with text. */
  readonly deltas?: readonly object[];
  /** Beside `choices`: of an answer, of every chunk, and of the last chunk. */
  readonly top?: object;
  readonly chunk?: object;
  readonly last?: object;
  /** Of every choice of a chunk. */
  readonly choice?: object;
  /** What a whole answer and a stream begin with. */
  readonly before?: { readonly whole: string; readonly stream: string };
}

/** Of every request of the tests. */
export const BOUND = 50;

export function compatible(provider: Compatible): Fake {
  return (request) => {
    const operation = enter(request, provider);
    if (typeof operation !== 'string') return operation;
    const body = bodyOf(request);
    if (operation === 'embeddings') return embeddings(body);
    if (operation === 'responses')
      return body['stream'] === true ? events(...eventsOf(RESPONSES, ['hel', 'lo'])) : { status: 200, body: RESPONSES.whole('hello') };
    const field = provider.refuses?.find((each) => body[each] !== undefined);
    if (field !== undefined) return (provider.refused ?? unknown)(field);
    const other = provider.limit === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
    if (body[other] !== undefined || body[provider.limit] !== BOUND) return refusal(400, `the bound has to be ${provider.limit}`);
    return body['stream'] === true ? stream(provider, body) : whole(provider, body);
  };
}

const unknown = (field: string) => refusal(400, `Unrecognized request argument supplied: ${field}`);

function embeddings({ model, input }: Record<string, unknown>): Reply {
  if (input !== 'hi') return refusal(400, 'no input');
  const item = { object: 'embedding', index: 0, embedding: [0.25, -0.5] };
  return { status: 200, body: { object: 'list', data: [item], model, usage: { prompt_tokens: 2, total_tokens: 2 } } };
}

function whole({ top, message, usage, before }: Compatible, { model }: Record<string, unknown>): Reply {
  const choice = { index: 0, message: { role: 'assistant', content: 'hello', ...message }, finish_reason: 'stop' };
  const answer = { id: 'c1', object: 'chat.completion', created: 1795589347, model, choices: [choice], usage, ...top };
  return before === undefined ? { status: 200, body: answer } : { status: 200, body: before.whole + JSON.stringify(answer) };
}

function stream(provider: Compatible, { model, stream_options: options }: Record<string, unknown>): Reply {
  const { deltas = [], usage, usageIn, chunk, last, choice, before } = provider;
  const wanted = (options as { include_usage?: boolean } | undefined)?.include_usage === true;
  const one = (choices: readonly object[], more: object = {}) =>
    data({
      id: 'c1',
      object: 'chat.completion.chunk',
      created: 1795589347,
      model,
      choices,
      ...(usageIn === 'every' ? { usage } : {}),
      ...chunk,
      ...more,
    });
  const delta = (of: object, more: object = {}) => ({ index: 0, delta: of, finish_reason: null, ...choice, ...more });
  return events(
    before?.stream ?? '',
    one([delta({ role: 'assistant', content: '' })]),
    ...deltas.map((of) => one([delta(of)])),
    ...['hel', 'lo'].map((content) => one([delta({ content })])),
    one([delta({}, { finish_reason: 'stop' })], { ...(usageIn === 'last' ? { usage } : {}), ...last }),
    usageIn === 'own' && wanted ? one([], { usage }) : '',
    'data: [DONE]\n\n',
  );
}
