import { callId } from './chat.ts';
import { type Exchange, generate } from './exchange.ts';
import { flag, isFields, list, text, whole, wrong } from './fields.ts';
import type { Answer, Reply } from './generation.ts';
import { sendEvent, sendJson, startEvents } from './reply.ts';
import type { Run } from './run.ts';
import { chooseReply, readSampling, readTools } from './sampling.ts';
import { chatTokens, contentText, type Turn } from './template.ts';

/** `POST /v1/responses`: one answer, not stored (`previous_response_id` is not known). */
export function responses(exchange: Exchange): void {
  const { body, response } = exchange;
  const stream = flag(body, 'stream');
  const turns = inputTurns(body['input'], text(body, 'instructions'));
  const reply = chooseReply(body, readTools(body), turns.findLast(({ role }) => role === 'user')?.content ?? '');
  const prompt = chatTokens(turns, list(body, 'tools') ?? []);
  const request = { ...readSampling(body, prompt, reply, whole(body, 'max_output_tokens', 1), undefined), n: 1 };
  const head = {
    id: `resp_${exchange.id}`,
    object: 'response',
    created_at: Math.floor(Date.now() / 1000),
    model: request.model,
    instructions: text(body, 'instructions') ?? null,
    tools: list(body, 'tools') ?? [],
    tool_choice: body['tool_choice'] ?? 'auto',
    parallel_tool_calls: false,
    temperature: body['temperature'] ?? 1,
    top_p: body['top_p'] ?? 1,
    max_output_tokens: request.maxTokens ?? null,
    metadata: body['metadata'] ?? {},
    error: null,
  };
  let order = 0;
  const event = (type: string, fields: object): void => sendEvent(response, { type, sequence_number: order++, ...fields }, type);
  const item = `${reply.kind === 'tool' ? 'fc' : 'msg'}_${exchange.id}`;
  const at = { item_id: item, output_index: 0 };
  const open = { ...head, status: 'in_progress', output: [], usage: null };
  const run = generate(exchange, request, {
    token: (_choice, index) => {
      if (!stream) return;
      const answer = run.answers[0]!;
      if (index === 0) begin(event, reply, item, exchange.id);
      const delta = answer.text.slice(index === 0 ? 0 : answer.shown[index - 1]!, answer.shown[index]);
      if (reply.kind === 'tool') event('response.function_call_arguments.delta', { ...at, delta });
      else event('response.output_text.delta', { ...at, content_index: 0, delta, logprobs: [] });
    },
    ended: () => undefined,
    done: () => {
      const answer = run.answers[0]!;
      const done = finished(answer, reply, item, exchange.id);
      const cut = answer.ends === 'length';
      const whole = {
        ...head,
        status: cut ? 'incomplete' : 'completed',
        incomplete_details: cut ? { reason: 'max_output_tokens' } : null,
        output: [done],
        usage: usageOf(run),
      };
      if (!stream) {
        sendJson(response, 200, whole);
        return;
      }
      if (reply.kind === 'tool') event('response.function_call_arguments.done', { ...at, name: reply.name, arguments: answer.text });
      else {
        event('response.output_text.done', { ...at, content_index: 0, text: answer.text, logprobs: [] });
        event('response.content_part.done', { ...at, content_index: 0, part: part(answer.text) });
      }
      event('response.output_item.done', { output_index: 0, item: done });
      event(cut ? 'response.incomplete' : 'response.completed', { response: whole });
      response.end();
    },
  });
  if (!stream) return;
  startEvents(response);
  event('response.created', { response: open });
  event('response.in_progress', { response: open });
}

function begin(event: (type: string, fields: object) => void, reply: Reply, item: string, id: string): void {
  if (reply.kind === 'tool') {
    const call = { type: 'function_call', id: item, call_id: callId(id, 0), name: reply.name, arguments: '', status: 'in_progress' };
    event('response.output_item.added', { output_index: 0, item: call });
    return;
  }
  event('response.output_item.added', {
    output_index: 0,
    item: { type: 'message', id: item, role: 'assistant', status: 'in_progress', content: [] },
  });
  event('response.content_part.added', { item_id: item, output_index: 0, content_index: 0, part: part('') });
}

function finished(answer: Answer, reply: Reply, item: string, id: string): object {
  const status = answer.ends === 'length' ? 'incomplete' : 'completed';
  if (reply.kind === 'tool') {
    return { type: 'function_call', id: item, call_id: callId(id, 0), name: reply.name, arguments: answer.text, status };
  }
  return { type: 'message', id: item, role: 'assistant', status, content: [part(answer.text)] };
}

function part(written: string): object {
  return { type: 'output_text', text: written, annotations: [], logprobs: [] };
}

function usageOf(run: Run): object {
  return {
    input_tokens: run.promptTokens,
    input_tokens_details: { cached_tokens: run.cachedTokens },
    output_tokens: run.completionTokens,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: run.promptTokens + run.completionTokens,
  };
}

function inputTurns(input: unknown, instructions: string | undefined): Turn[] {
  const turns: Turn[] = instructions === undefined ? [] : [{ role: 'system', content: instructions }];
  if (typeof input === 'string') return [...turns, { role: 'user', content: input }];
  if (!Array.isArray(input)) throw wrong('input', 'a string or a list', input);
  for (const [index, entry] of input.entries() as Iterable<[number, unknown]>) {
    if (!isFields(entry)) throw wrong(`input[${index}]`, 'an object', entry);
    if (typeof entry['role'] === 'string') {
      turns.push({ role: entry['role'], content: contentText(entry['content'], `input[${index}].content`) });
    } else turns.push({ role: 'tool', content: JSON.stringify(entry) });
  }
  return turns;
}
