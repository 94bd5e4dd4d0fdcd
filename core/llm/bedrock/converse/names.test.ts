// https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolUseBlock.html
import { expect, it } from 'vitest';

import { scanObject } from '../../../json/scan.ts';
import { CODECS } from '../../codecs.ts';

interface Content {
  readonly toolUse?: { readonly toolUseId: string };
  readonly toolResult?: { readonly toolUseId: string };
}

function idsOf(...ids: string[]) {
  const calls = ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{"a":12345678901234567890}' } }));
  const results = ids.map((id) => ({ role: 'tool', tool_call_id: id, content: 'b' }));
  const request = {
    model: 'm',
    messages: [{ role: 'user', content: 'a' }, { role: 'assistant', tool_calls: calls }, ...results],
    tools: [{ type: 'function', function: { name: 'f' } }],
  };
  const conversation = CODECS['openai-chat'].decodeRequest(scanObject(Buffer.from(JSON.stringify(request))));
  const { body, losses } = CODECS['bedrock-converse'].encodeRequest(conversation);
  const all = (body['messages'] as { content: Content[] }[]).flatMap(({ content }) => content);
  return {
    losses: losses.map(({ path, what }) => `${what} ${path}`),
    calls: all.flatMap(({ toolUse }) => toolUse?.toolUseId ?? []),
    results: all.flatMap(({ toolResult }) => toolResult?.toolUseId ?? []),
  };
}

it('ids of calls are as the API has them, and stay apart', () => {
  const long = 'x'.repeat(80);
  const { calls, results, losses } = idsOf('call:1', `${long}a`, `${long}b`, '');
  expect(calls).toEqual(results);
  expect(new Set(calls).size).toBe(4);
  for (const id of calls) expect(id).toMatch(/^[a-zA-Z0-9_-]{1,64}$/);
  // Numbers that lose digits are told.
  expect(losses).toEqual([0, 1, 2, 3].map((index) => `approximated messages[1].tool_calls[${index}]`));
});
