// https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking, …/effort, …/extended-thinking
import { describe, expect, it } from 'vitest';

import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../codecs.ts';
import { thinkingModel } from './models.ts';

const known = (model: string) => Object.values(thinkingModel(model)).map(Number).join('');

/** Thinks, adapts, has efforts, has xhigh. */
it.each([
  ['claude-instant-v1', '0000'],
  ['anthropic.claude-v2:1', '0000'],
  ['claude-3-haiku-20240307', '0000'],
  ['us.anthropic.claude-3-5-sonnet-20241022-v2:0', '0000'],
  ['claude-3-7-sonnet-20250219', '1000'],
  ['us.anthropic.claude-sonnet-4-20250514-v1:0', '1000'],
  ['claude-opus-4@20250514', '1000'],
  ['claude-opus-4-1@20250805', '1000'],
  ['anthropic/claude-sonnet-4.5', '1000'],
  ['claude-haiku-4-5-20251001', '1000'],
  ['global.anthropic.claude-opus-4-5-20251101-v1:0', '1010'],
  ['anthropic.claude-opus-4-6-v1', '1110'],
  ['claude-sonnet-4-6', '1110'],
  ['claude-opus-4-10', '1111'],
  ['us.anthropic.claude-sonnet-5-5', '1111'],
  ['claude-opus-12', '1111'],
  ['claude-mythos-preview', '1111'],
  ['arn:aws:bedrock:us-east-1:1:application-inference-profile/x', '1111'],
])('%s is known by its name', (model, expected) => {
  expect(known(model)).toBe(expected);
});

const CHAT = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 60_000 };

const enabled = (budget_tokens: number) => ({ type: 'enabled', budget_tokens });

/** Of both ways to a model of Anthropic's. */
describe.each([
  ['anthropic-messages', ''],
  ['bedrock-converse', 'us.anthropic.'],
] as const)('%s: what an older model is asked for', (to, prefix) => {
  function asked(model: string, more: object) {
    const request = scanObject(Buffer.from(JSON.stringify({ model: prefix + model, ...CHAT, ...more })));
    const { body, losses } = CODECS[to].encodeRequest(CODECS['openai-chat'].decodeRequest(request));
    const { thinking, output_config } = (to === 'anthropic-messages' ? body : (body['additionalModelRequestFields'] ?? {})) as Record<
      string,
      unknown
    >;
    const config = body['inferenceConfig'] as { maxTokens?: number } | undefined;
    return {
      thinking,
      effort: (output_config as { effort?: string } | undefined)?.effort,
      most: body['max_tokens'] ?? config?.maxTokens,
      losses: losses.map(({ path, what }) => `${what} ${path}`),
    };
  }
  it.each<[string, object, object]>([
    ['claude-opus-4-7', { reasoning_effort: 'xhigh' }, { thinking: { type: 'adaptive' }, effort: 'xhigh', losses: [] }],
    [
      'claude-sonnet-4-6',
      { reasoning_effort: 'xhigh' },
      { thinking: { type: 'adaptive' }, effort: 'high', losses: ['approximated reasoning_effort'] },
    ],
    ['claude-opus-4-5', { reasoning_effort: 'medium' }, { thinking: enabled(8192), effort: 'medium', losses: [] }],
    ['claude-sonnet-4-5', { reasoning_effort: 'low' }, { thinking: enabled(1024), effort: undefined, losses: [] }],
    ['claude-3-7-sonnet-20250219', { reasoning_effort: 'high' }, { thinking: enabled(24_576), most: 60_000, losses: [] }],
    [
      'claude-sonnet-4-5',
      { reasoning_effort: 'high', max_tokens: 10_000 },
      { thinking: enabled(5000), most: 10_000, losses: ['approximated reasoning_effort'] },
    ],
    [
      'claude-sonnet-4-5',
      { reasoning_effort: 'high', max_tokens: 100 },
      { thinking: enabled(1024), most: 1124, losses: ['approximated reasoning_effort', 'approximated max_tokens'] },
    ],
    ['claude-sonnet-4-5', { thinking: { type: 'enabled' } }, { thinking: enabled(8192), losses: [] }],
    [
      'claude-sonnet-4-5',
      { thinking: enabled(2000), reasoning_effort: 'high', temperature: 0.5 },
      { thinking: enabled(2000), effort: undefined, losses: ['dropped reasoning_effort', 'dropped temperature'] },
    ],
    ['claude-sonnet-4-5', { reasoning_effort: 'none' }, { thinking: { type: 'disabled' }, losses: [] }],
    ['claude-3-5-haiku-20241022', { reasoning_effort: 'none' }, { thinking: undefined, losses: [] }],
    ['claude-3-5-haiku-20241022', { reasoning_effort: 'low' }, { thinking: undefined, losses: ['dropped reasoning_effort'] }],
    ['claude-3-5-haiku-20241022', { thinking: enabled(2000) }, { thinking: undefined, most: 60_000, losses: ['dropped thinking'] }],
  ])('%s %j', (model, more, expected) => {
    expect(asked(model, more)).toMatchObject(expected);
  });
});
