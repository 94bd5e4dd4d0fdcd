// What Gemini signs goes over clients of the Responses API, and back to it.
import { expect, it } from 'vitest';

import { scanObject } from '../../json/scan.ts';
import { CODECS } from '../codecs.ts';

const ASKED = { created: 17, usage: true };
const { 'openai-responses': responses, 'anthropic-messages': messages, gemini } = CODECS;

const scan = (value: object) => scanObject(Buffer.from(JSON.stringify(value)));
const written = (value: object) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>;

const PARTS = [
  { text: 'ok', thoughtSignature: 'dA==' },
  { functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: 'Yw==' },
  { functionCall: { id: 'b', name: 'f', args: {} } },
];
const ANSWER = {
  candidates: [{ content: { role: 'model', parts: PARTS }, finishReason: 'STOP', index: 0 }],
  modelVersion: 'gemini-3-flash',
  responseId: 'r1',
};

function streamed(): readonly object[] {
  const decoder = gemini.decodeStream();
  const encoder = responses.encodeStream(ASKED);
  const events = [...decoder.push({ type: 'message', data: Buffer.from(JSON.stringify(ANSWER)) }), ...decoder.end()];
  const text = events.map((event) => encoder.push(event)).join('') + encoder.end();
  expect([...decoder.losses.list(), ...encoder.losses.list()]).toEqual([]);
  const last = /event: response\.completed\ndata: (.*)/.exec(text)![1]!;
  return (JSON.parse(last) as { response: { output: object[] } }).response.output;
}

function whole(): readonly object[] {
  const { body, losses } = responses.encodeAnswer(gemini.decodeAnswer(scan(ANSWER)), ASKED);
  expect(losses).toEqual([]);
  return written(body)['output'] as object[];
}

it('streamed as whole', () => {
  expect(streamed()).toEqual(whole());
});

it('and back', () => {
  const input = [{ role: 'user', content: 'hi' }, ...whole()];
  const request = responses.decodeRequest(scan({ model: 'gemini-3-flash', input }));
  const { body, losses } = gemini.encodeRequest(request);
  expect(losses).toEqual([]);
  expect(written(body)).toMatchObject({ contents: [{ role: 'user' }, { role: 'model', parts: PARTS }] });
  // No other provider is told them, and it is said.
  const others = messages.encodeRequest(request).losses.map(({ path }) => path);
  expect(others).toEqual(expect.arrayContaining(['input[1].content[0].thought_signature', 'input[2].thought_signature']));
});

it('and a stream of the API itself, such as another gateway’s', () => {
  const encoder = responses.encodeStream(ASKED);
  const source = gemini.decodeStream();
  const events = [...source.push({ type: 'message', data: Buffer.from(JSON.stringify(ANSWER)) }), ...source.end()];
  const text = events.map((event) => encoder.push(event)).join('') + encoder.end();
  const decoder = responses.decodeStream();
  const back = text
    .split('\n\n')
    .filter((each) => each !== '')
    .flatMap((each) => decoder.push({ type: 'message', data: Buffer.from(/data: (.*)/.exec(each)![1]!) }));
  expect(decoder.losses.list()).toEqual([]);
  const signed = back.flatMap((event) =>
    event.type === 'signature_delta'
      ? event.text
      : event.type === 'block_start' && 'signature' in event.block
        ? (event.block.signature ?? [])
        : [],
  );
  expect(signed).toEqual(['dA==', 'Yw==']);
});
