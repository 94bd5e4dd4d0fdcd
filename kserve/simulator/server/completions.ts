import { ApiError } from './errors.ts';
import { type Exchange, generate, transferParams, usageOf } from './exchange.ts';
import { type Fields, flag, object, wrong, whole } from './fields.ts';
import { type Answer, logprobsOf } from './generation.ts';
import { sendEvent, sendJson, startEvents } from './reply.ts';
import { readSampling } from './sampling.ts';
import { tokenize, tokenText } from './tokenizer.ts';

/** What OpenAI's completions API does where `max_tokens` is not given; vLLM too. */
const DEFAULT_MAX_TOKENS = 16;

/** `POST /v1/completions`. */
export function completions(exchange: Exchange): void {
  const { body, response, settings } = exchange;
  const stream = flag(body, 'stream');
  const prompt = readPrompt(body['prompt']);
  const maxTokens = whole(body, 'max_tokens', 0) ?? DEFAULT_MAX_TOKENS;
  const logprobs = whole(body, 'logprobs', 0, 20);
  const request = readSampling(body, prompt, { kind: 'text' }, maxTokens, logprobs);
  const echo = flag(body, 'echo') ? prompt.map(tokenText).join('') : '';
  const streamOptions = object(body, 'stream_options');
  if (streamOptions !== undefined && !stream) {
    throw new ApiError(400, 'Stream options can only be defined when `stream=True`.', { param: 'stream_options' });
  }
  const head = { id: `cmpl-${exchange.id}`, object: 'text_completion', created: Math.floor(Date.now() / 1000), model: request.model };
  const told = request.n === 1 ? [0] : Array.from({ length: request.n }, () => 0);
  const run = generate(exchange, request, {
    token: (choice, index) => {
      if (!stream) return;
      const answer = run.answers[choice]!;
      const from = index === 0 ? 0 : answer.shown[index - 1]!;
      const last = index === answer.tokens.length - 1;
      const text = (index === 0 ? echo : '') + answer.text.slice(from, answer.shown[index]);
      told[choice] = index + 1;
      const logs = logprobs === undefined ? null : completionLogprobs(answer, logprobs, index, index + 1);
      const usage = flag(streamOptions ?? {}, 'continuous_usage_stats') ? { usage: usageOf(run, settings) } : {};
      sendEvent(response, {
        ...head,
        choices: [
          { index: choice, text, logprobs: logs, finish_reason: last ? answer.ends : null, stop_reason: last ? answer.stopReason : null },
        ],
        ...usage,
      });
    },
    ended: () => undefined,
    done: () => {
      if (!stream) {
        sendJson(response, 200, {
          ...head,
          choices: run.answers.map((answer, index) => ({
            index,
            text: echo + answer.text,
            logprobs: logprobs === undefined ? null : completionLogprobs(answer, logprobs, 0, answer.tokens.length),
            finish_reason: answer.ends,
            stop_reason: answer.stopReason,
          })),
          usage: usageOf(run, settings),
          kv_transfer_params: transferParams(exchange, request, run),
        });
        return;
      }
      if (flag(streamOptions ?? {}, 'include_usage')) sendEvent(response, { ...head, choices: [], usage: usageOf(run, settings) });
      sendEvent(response, '[DONE]');
      response.end();
    },
  });
  if (stream) startEvents(response);
}

/** @returns the tokens of a prompt that is text or a list of ids; several prompts in one request are not served */
function readPrompt(prompt: unknown): readonly number[] {
  const one = Array.isArray(prompt) && prompt.length === 1 && typeof prompt[0] !== 'number' ? (prompt[0] as unknown) : prompt;
  const tokens = typeof one === 'string' ? tokenize(one) : one;
  if (!Array.isArray(tokens)) throw wrong('prompt', 'a string or a list of token ids', prompt);
  if (tokens.length === 0) throw new ApiError(400, 'prompt must not be empty', { param: 'prompt' });
  if (tokens.every((id): id is number => typeof id === 'number')) return tokens;
  throw new ApiError(501, 'this server answers one prompt per request', { param: 'prompt' });
}

function completionLogprobs(answer: Answer, alternatives: number, from: number, to: number): Fields {
  const rows = answer.tokens.slice(from, to).map((token, i) => logprobsOf(token, from + i, Math.max(1, alternatives)));
  return {
    text_offset: rows.map((_, i) => (from + i === 0 ? 0 : answer.shown[from + i - 1]!)),
    tokens: rows.map(([best]) => tokenText(best!.token)),
    token_logprobs: rows.map(([best]) => best!.logprob),
    top_logprobs: rows.map((row) => Object.fromEntries(row.map(({ token, logprob }) => [tokenText(token), logprob]))),
  };
}
