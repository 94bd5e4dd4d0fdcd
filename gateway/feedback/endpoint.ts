import type { ApiEndpoint } from '#core/read/endpoints';

/** Where clients say what they think of an answer: an endpoint of tier one's own, below the prefix of the OpenAI API. */
export const FEEDBACK: ApiEndpoint = {
  operation: 'feedback',
  method: 'POST',
  dialect: 'openai',
  path: '/v1/feedback',
  body: 'json',
  upstream: {},
  answer: 'json',
  usage: undefined,
  stream: undefined,
  asksForUsage: false,
  typedEvents: false,
};

/** On the answer of every model call where feedback is on: the id to judge it by. A backend's own x-request-id passes beside it. */
export const REQUEST_ID_HEADER = 'x-tierkit-request-id';
