/**
 * `POST /v1/completions`, the API before chat. Each prompt of a list gets one choice; `n` counts as 1.
 * @see https://platform.openai.com/docs/api-reference/completions
 */
import { randomUUID } from 'node:crypto';
import type OpenAI from 'openai';
import { answerText } from './answer.ts';
import { readIncludeUsage, usageOf } from './chat.ts';
import { singleQuestion } from './conversation.ts';
import { type Answer, type Incoming, json, readInteger, readJson, readStrings, type ServerEvent } from './http.ts';
import { readTexts } from './inputs.ts';
import { readModel } from './models.ts';
import { countTokens, cut, words } from './tokens.ts';

/** What this API generates when the caller sets no `max_tokens`. */
const DEFAULT_MAX_TOKENS = 16;

type Head = Omit<OpenAI.Completion, 'choices' | 'usage'>;

export function completions(request: Incoming): Answer {
  const body = readJson(request);
  const model = readModel(body, 'chat');
  const includeUsage = readIncludeUsage(body);
  const prompts = readTexts(body['prompt'], 'prompt');
  const maxTokens = readInteger(body, 'max_tokens', 1) ?? DEFAULT_MAX_TOKENS;
  const stops = readStrings(body, 'stop');
  const choices = prompts.map(({ text }, index): OpenAI.CompletionChoice => {
    const said = cut(answerText(model, singleQuestion(text), 'text'), stops, maxTokens);
    return { index, text: said.text, logprobs: null, finish_reason: said.reason === 'length' ? 'length' : 'stop' };
  });
  const usage = usageOf({
    inputTokens: prompts.reduce((sum, prompt) => sum + prompt.tokens, 0),
    outputTokens: choices.reduce((sum, choice) => sum + countTokens(choice.text), 0),
  });
  const head: Head = {
    id: `cmpl-${randomUUID().replaceAll('-', '')}`,
    object: 'text_completion',
    created: Math.floor(Date.now() / 1000),
    model,
    system_fingerprint: 'fp_example_upstream',
  };
  if (body['stream'] === true) return { kind: 'events', events: chunks(head, choices, includeUsage ? usage : null) };
  const completion: OpenAI.Completion = { ...head, choices, usage };
  return json(completion);
}

function* chunks(head: Head, choices: readonly OpenAI.CompletionChoice[], usage: OpenAI.CompletionUsage | null): Generator<ServerEvent> {
  const chunk = (part: object): ServerEvent => ({ data: JSON.stringify({ ...head, ...(usage === null ? {} : { usage: null }), ...part }) });
  for (const { index, text, finish_reason } of choices) {
    for (const word of words(text)) yield chunk({ choices: [{ index, text: word, logprobs: null, finish_reason: null }] });
    yield chunk({ choices: [{ index, text: '', logprobs: null, finish_reason }] });
  }
  if (usage !== null) yield chunk({ choices: [], usage });
  yield { data: '[DONE]' };
}
