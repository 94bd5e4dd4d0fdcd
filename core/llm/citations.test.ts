// What a model found, as each API says it: pages are named where it is read.
import { assert, integer, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';

import { scanObject } from '../json/scan.ts';
import { charactersIn, unitAt } from './citations.ts';
import { CODECS, type TranslatedDialect } from './codecs.ts';
import type { AnswerEvent } from './conversation.ts';

const ASKED = { created: 1, usage: true };
const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const plain = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
const told = (losses: readonly { readonly path: string; readonly what: string }[]) =>
  losses.map(({ path, what }) => `${what} ${path}`).sort();

function translated(from: TranslatedDialect, to: TranslatedDialect, answer: object) {
  const { body, losses } = CODECS[to].encodeAnswer(CODECS[from].decodeAnswer(scan(answer)), ASKED);
  return { body: plain(body), losses: told(losses) };
}

type Event = readonly [type: string, data: object];

/** @returns what the other API's events say, one a line of `data` */
function streamed(from: TranslatedDialect, to: TranslatedDialect, ...all: readonly Event[]) {
  const decoder = CODECS[from].decodeStream();
  const encoder = CODECS[to].encodeStream(ASKED);
  const read: AnswerEvent[] = all.flatMap(([type, data]) => decoder.push({ type, data: Buffer.from(JSON.stringify(data)) }));
  const text = [...read, ...decoder.end()].map((event) => encoder.push(event)).join('');
  const data = [...text.matchAll(/^data: (.*)$/gm)].map(([, each]) => JSON.parse(each!) as Record<string, unknown>);
  return { data, losses: told([...decoder.losses.list(), ...encoder.losses.list()]) };
}

const messageIn = ({ body }: { readonly body: Record<string, unknown> }) =>
  (body['choices'] as readonly { readonly message: Record<string, unknown> }[])[0]!.message;
const annotationsOf = ({ data }: { readonly data: readonly Record<string, unknown>[] }) =>
  data.flatMap(({ choices }) =>
    (choices as readonly { readonly delta: { readonly annotations?: readonly object[] } }[]).flatMap(
      ({ delta }) => delta.annotations ?? [],
    ),
  );
const page = (start_index: number, end_index: number, name = 'a') => ({
  type: 'url_citation',
  url_citation: { start_index, end_index, url: `https://${name}.example`, title: name },
});
const textBlock = (index: number, ...deltas: readonly object[]): Event[] => [
  ['content_block_start', { index, content_block: { type: 'text', text: '', citations: [] } }],
  ...deltas.map((delta): Event => ['content_block_delta', { index, delta }]),
  ['content_block_stop', { index }],
];
const chatChunk = (delta: object, finish_reason: string | null = null): Event => [
  'message',
  { id: 'c', model: 'm', choices: [{ index: 0, delta, finish_reason }] },
];
const blockDelta = (contentBlockIndex: number, of: object): Event => ['contentBlockDelta', { contentBlockIndex, delta: of }];
const blockStop = (contentBlockIndex: number): Event => ['contentBlockStop', { contentBlockIndex }];
const typed = (type: string, data: object): Event => [type, { type, ...data }];

describe('characters', () => {
  it('are what a text has as a list of them, and each has its place', () => {
    assert(
      property(tuple(string({ unit: 'binary' }), integer({ min: 0, max: 30 })), ([text, at]) => {
        const letters = Array.from(text);
        expect(charactersIn(text)).toBe(letters.length);
        expect(unitAt(text, at)).toBe(letters.slice(0, at).join('').length);
      }),
    );
  });
});

// https://ai.google.dev/gemini-api/docs/google-search
const SAID = 'Über 🦊: so. Und so.';
const bytes = (text: string) => Buffer.byteLength(text);
const web = (name: string) => ({ web: { uri: `https://${name}.example`, title: name, domain: 'example' } });
const GROUNDING = {
  webSearchQueries: ['q'],
  groundingChunks: [web('a'), web('b'), web('c')],
  groundingSupports: [
    { segment: { endIndex: bytes('Über 🦊: so.'), text: 'Über 🦊: so.' }, groundingChunkIndices: [0, 1], confidenceScores: [0.9, 0.8] },
    { segment: { startIndex: bytes('Über 🦊: so. '), endIndex: bytes(SAID), text: 'Und so.' }, groundingChunkIndices: [1, 77] },
  ],
};
const GROUNDING_LOSSES = ['groundingChunks[2]', 'groundingSupports.confidenceScores', 'webSearchQueries'].map(
  (name) => `dropped candidates[0].groundingMetadata.${name}`,
);
const candidate = (parts: readonly object[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, ...more }],
  responseId: 'r',
  modelVersion: 'g',
});

describe('Gemini', () => {
  it('counts bytes, and a chat completion characters', () => {
    const found = translated('gemini', 'openai-chat', candidate([{ text: SAID }], { finishReason: 'STOP', groundingMetadata: GROUNDING }));
    expect(messageIn(found)).toMatchObject({ content: SAID, annotations: [page(0, 11), page(0, 11, 'b'), page(12, 19, 'b')] });
    expect(found.losses).toEqual(GROUNDING_LOSSES);
  });

  it('tells it at the end of a stream, whose last part is signed', () => {
    const found = streamed(
      'gemini',
      'openai-chat',
      ['message', candidate([{ text: 'hm', thought: true }])],
      ['message', candidate([{ text: SAID.slice(0, 9) }], { groundingMetadata: { webSearchQueries: ['q'] } })],
      ['message', candidate([{ text: SAID.slice(9) }])],
      ['message', candidate([{ text: '', thoughtSignature: 's' }], { finishReason: 'STOP', groundingMetadata: GROUNDING })],
    );
    expect(annotationsOf(found)).toEqual([page(0, 11), page(0, 11, 'b'), page(12, 19, 'b')]);
    expect(found.losses).toEqual(GROUNDING_LOSSES);
  });

  it.each<[string, object, readonly object[]]>([
    ['counts from a part', { startIndex: 1, endIndex: 2, partIndex: 1, text: 'c' }, [page(3, 4)]],
    ['counts from the first part', { startIndex: 3, endIndex: 4, partIndex: 1, text: 'c' }, [page(3, 4)]],
    ['counts elsewhere, and has the words', { startIndex: 50, endIndex: 51, text: 'c' }, [page(3, 4)]],
    ['has neither', { startIndex: 50, endIndex: 51, text: 'x' }, [page(0, 2)]],
    ['says of no part of it', {}, [page(0, 2)]],
  ])('%s', (_, segment, annotations) => {
    const metadata = { groundingChunks: [web('a')], groundingSupports: [{ segment, groundingChunkIndices: [0] }] };
    const parts = [{ text: 'aä', thoughtSignature: 's' }, { text: 'bc' }];
    const found = translated('gemini', 'openai-chat', candidate(parts, { finishReason: 'STOP', groundingMetadata: metadata }));
    expect(messageIn(found)['annotations']).toEqual(annotations);
  });

  it('what has no place is of all of it, and quotes are citations', () => {
    const more = {
      finishReason: 'STOP',
      groundingMetadata: { groundingChunks: [web('a')] },
      citationMetadata: { citationSources: [{ startIndex: 1, endIndex: 3, uri: 'https://b.example', license: 'MIT' }] },
    };
    const found = translated('gemini', 'openai-responses', candidate([{ text: 'aäb' }], more));
    expect(found.body['output']).toMatchObject([
      {
        content: [
          {
            annotations: [
              { type: 'url_citation', url: 'https://a.example', start_index: 0, end_index: 3 },
              { url: 'https://b.example', start_index: 1, end_index: 2 },
            ],
          },
        ],
      },
    ]);
    expect(found.losses).toEqual(['dropped candidates[0].citationMetadata.citationSources[0].license']);
  });

  it('what comes when the text has ended is told', () => {
    const metadata = {
      groundingChunks: [web('a')],
      groundingSupports: [{ segment: { endIndex: 1, text: 'a' }, groundingChunkIndices: [0] }],
    };
    const { losses } = streamed(
      'gemini',
      'openai-chat',
      ['message', candidate([{ text: 'a' }])],
      ['message', candidate([{ functionCall: { name: 'f', args: {} } }])],
      ['message', candidate([], { finishReason: 'STOP', groundingMetadata: metadata })],
    );
    expect(losses).toEqual(['dropped candidates[0].groundingMetadata.groundingSupports[0]']);
  });
});

// https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/web-search-tool
const FOUND = {
  type: 'web_search_result_location',
  url: 'https://a.example',
  title: 'a',
  encrypted_index: 'Eo8BCioIAhgB',
  cited_text: 'It is so.',
};
const OF_DOCUMENT = {
  type: 'char_location',
  cited_text: 'x',
  document_index: 0,
  document_title: 'd',
  start_char_index: 0,
  end_char_index: 1,
  file_id: null,
};
const CONTENT = [
  { type: 'server_tool_use', id: 's', name: 'web_search', input: { query: 'q' } },
  { type: 'web_search_tool_result', tool_use_id: 's', content: [{ type: 'web_search_result', url: 'https://a.example' }] },
  { type: 'text', text: 'I 🦊. ' },
  { type: 'text', text: 'So.', citations: [FOUND, FOUND] },
  { type: 'text', text: ' And so.', citations: [OF_DOCUMENT] },
];
const MESSAGE = { id: 'm', type: 'message', role: 'assistant', model: 'c', stop_reason: 'end_turn', stop_sequence: null };

describe('Anthropic', () => {
  it('cites by blocks, and a chat completion by places', () => {
    const found = translated('anthropic-messages', 'openai-chat', { ...MESSAGE, content: CONTENT });
    expect(messageIn(found)).toMatchObject({ content: 'I 🦊. So. And so.', annotations: [page(5, 8), page(5, 8)] });
    expect(found.losses).toEqual(
      [
        '[0]',
        '[1]',
        '[3].citations.cited_text',
        '[4].citations',
        ...['document_index', 'end_char_index', 'start_char_index'].map((each) => `[4].citations[0].${each}`),
      ].map((path) => `dropped content${path}`),
    );
  });

  it('says it in a stream before the words or behind them', () => {
    const found = streamed(
      'anthropic-messages',
      'openai-chat',
      ['message_start', { message: MESSAGE }],
      ...textBlock(0, { type: 'text_delta', text: 'I 🦊. ' }),
      ...textBlock(1, { type: 'citations_delta', citation: FOUND }, { type: 'text_delta', text: 'So.' }),
      ...textBlock(2, { type: 'text_delta', text: ' And so.' }, { type: 'citations_delta', citation: OF_DOCUMENT }),
      ['message_delta', { delta: { stop_reason: 'end_turn' } }],
      ['message_stop', {}],
    );
    expect(annotationsOf(found)).toEqual([page(5, 8)]);
    expect(found.losses).toContain('dropped content.citations');
  });

  it('a document goes to Bedrock with its title and its words', () => {
    const found = translated('anthropic-messages', 'bedrock-converse', { ...MESSAGE, content: CONTENT.slice(4) });
    expect(found.body).toMatchObject({
      output: {
        message: {
          content: [{ citationsContent: { content: [{ text: ' And so.' }], citations: [{ title: 'd', sourceContent: [{ text: 'x' }] }] } }],
        },
      },
    });
  });

  it('its clients read pages, which are of all of a text', () => {
    const completion = {
      id: 'c',
      model: 'm',
      choices: [{ index: 0, message: { content: 'so it is', annotations: [page(0, 2)] }, finish_reason: 'stop' }],
    };
    const { body, losses } = translated('openai-chat', 'anthropic-messages', completion);
    const citation = { type: 'web_search_result_location', url: 'https://a.example', title: 'a', cited_text: '', encrypted_index: '' };
    expect(body['content']).toEqual([{ type: 'text', text: 'so it is', citations: [citation] }]);
    expect(losses).toEqual(['approximated content.citations']);
    const heard = streamed(
      'openai-chat',
      'anthropic-messages',
      chatChunk({ content: 'so it is' }),
      chatChunk({ annotations: [page(0, 2)] }, 'stop'),
    );
    expect(heard.data).toContainEqual({ type: 'content_block_delta', index: 0, delta: { type: 'citations_delta', citation } });
    expect(heard.losses).toEqual(['approximated content.citations']);
  });
});

// https://docs.aws.amazon.com/nova/latest/nova2-userguide/web-grounding.html
describe('Bedrock', () => {
  const citation = { location: { web: { url: 'https://a.example', domain: 'a.example' } }, title: 'a' };

  it('says behind a text what it rests on', () => {
    const content = [{ text: 'So.' }, { citationsContent: { citations: [citation] } }, { text: ' And so.' }];
    const found = translated('bedrock-converse', 'openai-chat', {
      output: { message: { role: 'assistant', content } },
      stopReason: 'end_turn',
    });
    expect(messageIn(found)).toMatchObject({ content: 'So. And so.', annotations: [page(0, 3)] });
    expect(found.losses).toEqual([]);
  });

  it('says it in a stream in a block of its own', () => {
    const found = streamed(
      'bedrock-converse',
      'openai-chat',
      ['messageStart', { role: 'assistant' }],
      blockDelta(0, { text: 'So.' }),
      blockStop(0),
      blockDelta(1, { citation }),
      blockStop(1),
      blockDelta(2, { text: ' And so.' }),
      blockStop(2),
      ['messageStop', { stopReason: 'end_turn' }],
    );
    expect(annotationsOf(found)).toEqual([page(0, 3)]);
    expect(found.losses).toEqual([]);
  });
});

// https://platform.openai.com/docs/guides/tools-web-search
describe('Responses', () => {
  const annotation = { type: 'url_citation', url: 'https://a.example', title: 'a', start_index: 3, end_index: 6 };
  const file = { type: 'container_file_citation', file_id: 'f', container_id: 'c', filename: 'a.csv', start_index: 0, end_index: 2 };
  const part = {
    type: 'output_text',
    text: 'So. It is.',
    annotations: [annotation, file, { type: 'file_path', file_id: 'f' }],
    logprobs: [],
  };
  const item = { id: 'i', type: 'message', role: 'assistant', status: 'completed', content: [part] };
  const place = { item_id: 'i', output_index: 1, content_index: 0 };
  const losses = [
    'dropped content.citations',
    'dropped output[0]',
    ...['container_id', 'file_id'].map((each) => `dropped output[1].content[0].annotations[1].${each}`),
    'dropped output[1].content[0].annotations[2]',
  ];

  it('a search is told once, and what it found goes on', () => {
    const search = { id: 'ws', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } };
    const whole = translated('openai-responses', 'openai-chat', { id: 'r', model: 'm', status: 'completed', output: [search, item] });
    expect(messageIn(whole)).toMatchObject({ annotations: [page(3, 6)] });
    expect(whole.losses).toEqual(['dropped output[1].content[0].citations', ...losses.slice(1)].sort());
    const found = streamed(
      'openai-responses',
      'openai-chat',
      typed('response.created', { response: { id: 'r', model: 'm' } }),
      typed('response.output_item.added', { output_index: 0, item: { ...search, status: 'in_progress' } }),
      typed('response.web_search_call.searching', { output_index: 0, item_id: 'ws' }),
      typed('response.output_item.done', { output_index: 0, item: search }),
      typed('response.output_item.added', { output_index: 1, item: { ...item, content: [] } }),
      typed('response.output_text.delta', { ...place, delta: 'So. It' }),
      typed('response.output_text.annotation.added', { ...place, annotation_index: 0, annotation }),
      typed('response.output_text.delta', { ...place, delta: ' is.' }),
      typed('response.output_item.done', { output_index: 1, item }),
      typed('response.completed', { response: { id: 'r', model: 'm', status: 'completed', output: [] } }),
    );
    expect(annotationsOf(found)).toEqual([page(3, 6)]);
    expect(found.losses).toEqual(losses);
  });

  it('says each with an event of its own', () => {
    const { data } = streamed('gemini', 'openai-responses', [
      'message',
      candidate([{ text: SAID }], { finishReason: 'STOP', groundingMetadata: GROUNDING }),
    ]);
    const events = data.filter(({ type }) => type === 'response.output_text.annotation.added');
    expect(events.map(({ annotation_index, annotation: each }) => [annotation_index, each])).toMatchObject([
      [0, { url: 'https://a.example', start_index: 0, end_index: 11 }],
      [1, { url: 'https://b.example' }],
      [2, { url: 'https://b.example', start_index: 12, end_index: 19 }],
    ]);
    expect(data.map(({ type }) => type).slice(-4)).toEqual([
      'response.output_text.annotation.added',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
    ]);
  });
});

it('what a model found is not given back to another one, and told', () => {
  const messages = [
    { role: 'user', content: 'hi' },
    { role: 'assistant', content: 'so it is', annotations: [page(0, 2)] },
    { role: 'user', content: 'and?' },
  ];
  const conversation = CODECS['openai-chat'].decodeRequest(scan({ model: 'gemini-2.5-flash', max_tokens: 99, messages }));
  for (const { encodeRequest } of Object.values(CODECS)) {
    const { body, losses } = encodeRequest(conversation);
    expect(JSON.stringify(body)).not.toContain('a.example');
    expect(told(losses)).toEqual(['dropped messages[1].content.citations']);
  }
});
