import { callId } from './chat.ts';
import { ApiError } from './errors.ts';
import { type Exchange, generate } from './exchange.ts';
import { flag, list, whole } from './fields.ts';
import type { Answer, Reply } from './generation.ts';
import { sendEvent, sendJson, startEvents } from './reply.ts';
import type { Run } from './run.ts';
import { chooseReply, readSampling, readTools } from './sampling.ts';
import { chatTokens, contentText, readTurns, type Turn } from './template.ts';

/** `POST /v1/messages`: Anthropic's API, as vLLM offers it. */
export function messages(exchange: Exchange): void {
  const { body, response } = exchange;
  const stream = flag(body, 'stream');
  const maxTokens = whole(body, 'max_tokens', 1);
  if (maxTokens === undefined) throw new ApiError(400, 'max_tokens: Field required', { param: 'max_tokens' });
  const system = contentText(body['system'], 'system');
  const turns: Turn[] = [...(system === '' ? [] : [{ role: 'system', content: system }]), ...readTurns(body['messages'])];
  const reply = chooseReply(body, readTools(body), turns.findLast(({ role }) => role === 'user')?.content ?? '');
  const prompt = chatTokens(turns, list(body, 'tools') ?? []);
  const request = readSampling({ ...body, stop: body['stop_sequences'], n: 1 }, prompt, reply, maxTokens, undefined);
  const head = { id: `msg_${exchange.id}`, type: 'message', role: 'assistant', model: request.model };
  const event = (type: string, fields: object = {}): void => sendEvent(response, { type, ...fields }, type);
  const run = generate(exchange, request, {
    token: (_choice, index) => {
      if (!stream) return;
      const answer = run.answers[0]!;
      if (index === 0) {
        event('message_start', {
          message: { ...head, content: [], stop_reason: null, stop_sequence: null, usage: { ...inputUsage(run), output_tokens: 0 } },
        });
        event('content_block_start', { index: 0, content_block: block(reply, '', exchange.id, {}) });
      }
      const piece = answer.text.slice(index === 0 ? 0 : answer.shown[index - 1]!, answer.shown[index]);
      const delta = reply.kind === 'tool' ? { type: 'input_json_delta', partial_json: piece } : { type: 'text_delta', text: piece };
      event('content_block_delta', { index: 0, delta });
    },
    ended: () => undefined,
    done: () => {
      const answer = run.answers[0]!;
      const end = { stop_reason: stopReason(answer, reply), stop_sequence: answer.stopReason };
      const usage = { ...inputUsage(run), output_tokens: run.completionTokens };
      if (!stream) {
        const content = [block(reply, answer.text, exchange.id, reply.kind === 'tool' ? inputOf(answer.text) : {})];
        sendJson(response, 200, { ...head, content, ...end, usage });
        return;
      }
      event('content_block_stop', { index: 0 });
      event('message_delta', { delta: end, usage });
      event('message_stop');
      response.end();
    },
  });
  if (stream) startEvents(response);
}

/** `POST /v1/messages/count_tokens`. */
export function countTokens({ body, response }: Exchange): void {
  const system = contentText(body['system'], 'system');
  const turns: Turn[] = [...(system === '' ? [] : [{ role: 'system', content: system }]), ...readTurns(body['messages'])];
  sendJson(response, 200, { input_tokens: chatTokens(turns, list(body, 'tools') ?? []).length });
}

function block(reply: Reply, text: string, id: string, input: unknown): object {
  if (reply.kind === 'tool') return { type: 'tool_use', id: callId(id, 0), name: reply.name, input };
  return { type: 'text', text };
}

/** The arguments of a call; a call that the limit cut has none that can be read. */
function inputOf(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return {};
  }
}

function stopReason(answer: Answer, reply: Reply): string {
  if (answer.ends === 'length') return 'max_tokens';
  if (reply.kind === 'tool') return 'tool_use';
  return answer.stopReason === null ? 'end_turn' : 'stop_sequence';
}

/** Anthropic counts cached tokens apart from the others. */
function inputUsage(run: Run): object {
  return {
    input_tokens: run.promptTokens - run.cachedTokens,
    cache_read_input_tokens: run.cachedTokens,
    cache_creation_input_tokens: 0,
  };
}
