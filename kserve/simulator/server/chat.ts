import { hashText } from '../engine/random.ts';
import { ApiError } from './errors.ts';
import { type Exchange, generate, transferParams, usageOf } from './exchange.ts';
import { flag, list, object, whole } from './fields.ts';
import { type Answer, logprobsOf, type Reply } from './generation.ts';
import { sendEvent, sendJson, startEvents } from './reply.ts';
import { chooseReply, readSampling, readTools } from './sampling.ts';
import { chatTokens, readTurns } from './template.ts';
import { tokenText } from './tokenizer.ts';

/** `POST /v1/chat/completions`. */
export function chat(exchange: Exchange): void {
  const { body, response, settings } = exchange;
  const stream = flag(body, 'stream');
  const turns = readTurns(body['messages']);
  const reply = chooseReply(body, readTools(body), turns.findLast(({ role }) => role === 'user')?.content ?? '');
  const maxTokens = whole(body, 'max_completion_tokens', 1) ?? whole(body, 'max_tokens', 1);
  const alternatives = whole(body, 'top_logprobs', 0, 20);
  const logprobs = flag(body, 'logprobs') ? (alternatives ?? 0) : undefined;
  if (logprobs === undefined && alternatives !== undefined) {
    throw new ApiError(400, 'when using `top_logprobs`, `logprobs` must be set to true.', { param: 'top_logprobs' });
  }
  const streamOptions = object(body, 'stream_options') ?? {};
  if (body['stream_options'] !== undefined && body['stream_options'] !== null && !stream) {
    throw new ApiError(400, 'Stream options can only be defined when `stream=True`.', { param: 'stream_options' });
  }
  const request = readSampling(body, chatTokens(turns, list(body, 'tools') ?? []), reply, maxTokens, logprobs);
  const created = Math.floor(Date.now() / 1000);
  const head = { id: `chatcmpl-${exchange.id}`, created, model: request.model };
  const chunk = (choices: readonly object[], extra: object = {}): void => {
    const usage = flag(streamOptions, 'continuous_usage_stats') ? { usage: usageOf(run, settings) } : {};
    sendEvent(response, { ...head, object: 'chat.completion.chunk', choices, ...usage, ...extra });
  };
  const run = generate(exchange, request, {
    token: (choice, index) => {
      if (!stream) return;
      const answer = run.answers[choice]!;
      if (index === 0) chunk([{ index: choice, delta: opening(reply, exchange.id, choice), logprobs: null, finish_reason: null }]);
      const piece = answer.text.slice(index === 0 ? 0 : answer.shown[index - 1]!, answer.shown[index]);
      const last = index === answer.tokens.length - 1;
      const delta = reply.kind === 'tool' ? { tool_calls: [{ index: 0, function: { arguments: piece } }] } : { content: piece };
      chunk([
        {
          index: choice,
          delta,
          logprobs: logprobs === undefined ? null : { content: [tokenLogprob(answer, index, logprobs)] },
          finish_reason: last ? finishReason(answer, reply) : null,
          stop_reason: last ? answer.stopReason : null,
        },
      ]);
    },
    ended: () => undefined,
    done: () => {
      if (stream) {
        if (flag(streamOptions, 'include_usage')) chunk([], { usage: usageOf(run, settings) });
        sendEvent(response, '[DONE]');
        response.end();
        return;
      }
      sendJson(response, 200, {
        ...head,
        object: 'chat.completion',
        choices: run.answers.map((answer, index) => ({
          index,
          message: message(answer, reply, exchange.id, index),
          logprobs: logprobs === undefined ? null : { content: answer.tokens.map((_, i) => tokenLogprob(answer, i, logprobs)) },
          finish_reason: finishReason(answer, reply),
          stop_reason: answer.stopReason,
        })),
        usage: usageOf(run, settings),
        kv_transfer_params: transferParams(exchange, request, run),
      });
    },
  });
  if (stream) startEvents(response);
}

function opening(reply: Reply, id: string, choice: number): object {
  if (reply.kind !== 'tool') return { role: 'assistant', content: '' };
  const call = { index: 0, id: callId(id, choice), type: 'function', function: { name: reply.name, arguments: '' } };
  return { role: 'assistant', content: null, tool_calls: [call] };
}

function message(answer: Answer, reply: Reply, id: string, choice: number): object {
  if (reply.kind !== 'tool') return { role: 'assistant', content: answer.text, refusal: null, tool_calls: [] };
  const call = { id: callId(id, choice), type: 'function', function: { name: reply.name, arguments: answer.text } };
  return { role: 'assistant', content: null, refusal: null, tool_calls: [call] };
}

/** A forced call of one tool ends with `stop`, as in OpenAI's API; a call that the model chose with `tool_calls`. */
function finishReason(answer: Answer, reply: Reply): string {
  return reply.kind === 'tool' && !reply.named && answer.ends === 'stop' ? 'tool_calls' : answer.ends;
}

/** Id of a tool call. */
export function callId(id: string, choice: number): string {
  return `call_${hashText(id, choice).toString(36)}`;
}

function tokenLogprob(answer: Answer, index: number, alternatives: number): object {
  const rows = logprobsOf(answer.tokens[index]!, index, Math.max(1, alternatives)).map(({ token, logprob }) => {
    const text = tokenText(token);
    return { token: text, logprob, bytes: [...Buffer.from(text)] };
  });
  return { ...rows[0]!, top_logprobs: rows.slice(0, alternatives) };
}
