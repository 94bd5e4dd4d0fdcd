/**
 * `POST /v1/audio/speech`, `/v1/audio/transcriptions` and `/v1/audio/translations`: a beep per word, and no ears.
 * @see https://platform.openai.com/docs/api-reference/audio
 */
import type OpenAI from 'openai';
import { ApiError, type Answer, badField, type Incoming, json, readJson, readString, type ServerEvent } from './http.ts';
import { checkModel, readModel } from './models.ts';
import { ATTACHMENT_TOKENS, countTokens, words } from './tokens.ts';

/** Samples a second, one channel of 16 bits: the PCM that the API documents. */
const RATE = 24_000;
const BEEP_SECONDS = 0.05;
const MAX_BEEPS = 40;
const TONE_HZ = 440;
const MAX_INPUT_CHARACTERS = 4096;

export function speech(request: Incoming): Answer {
  const body = readJson(request);
  readModel(body, 'speech');
  const input = readString(body, 'input');
  if (input.length > MAX_INPUT_CHARACTERS) throw badField('input', `is longer than ${MAX_INPUT_CHARACTERS} characters`);
  if (body['voice'] === undefined) throw badField('voice', 'is required');
  // The API's default is mp3, which needs an encoder: without a wish the answer is WAV and its content type says so.
  const format = body['response_format'] ?? 'wav';
  if (format !== 'wav' && format !== 'pcm') throw badField('response_format', 'the example upstream makes only wav and pcm');

  const samples = beeps(Math.min(words(input).length, MAX_BEEPS));
  const audio = format === 'pcm' ? samples : Buffer.concat([wavHeader(samples.length), samples]);
  if (body['stream_format'] === 'sse') return { kind: 'events', events: speechEvents(audio, countTokens(input)) };
  return { kind: 'bytes', contentType: format === 'pcm' ? 'audio/pcm' : 'audio/wav', body: audio };
}

/** Text that says what was uploaded. `translations` streams nothing. */
export function transcription(task: 'transcription' | 'translation'): (request: Incoming) => Promise<Answer> {
  return async (request) => {
    const form = await readForm(request);
    const model = form.get('model');
    if (typeof model !== 'string' || model === '') throw badField('model', 'is required');
    checkModel(model, 'transcribe');
    const file = form.get('file');
    if (!(file instanceof File)) throw badField('file', 'must be an uploaded file');
    const format = form.get('response_format') ?? 'json';
    if (format !== 'json' && format !== 'text') throw badField('response_format', 'the example upstream writes only json and text');

    const text = `The bundled example upstream received the file "${file.name}" of ${file.size} bytes for ${task}; it cannot hear.`;
    const output = countTokens(text);
    const usage: OpenAI.Audio.Transcription.Tokens = {
      type: 'tokens',
      input_tokens: ATTACHMENT_TOKENS,
      output_tokens: output,
      total_tokens: ATTACHMENT_TOKENS + output,
    };
    if (task === 'translation') return format === 'text' ? plain(text) : json({ text });
    if (form.get('stream') === 'true') return { kind: 'events', events: transcriptEvents(text, usage) };
    const answer: OpenAI.Audio.Transcription = { text, usage };
    return format === 'text' ? plain(text) : json(answer);
  };
}

function plain(text: string): Answer {
  return { kind: 'bytes', contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

async function readForm(request: Incoming): Promise<FormData> {
  const type = request.headers['content-type'] ?? '';
  if (!type.startsWith('multipart/form-data')) throw new ApiError(400, 'The body must be multipart/form-data.');
  try {
    return await new Response(request.body, { headers: { 'content-type': type } }).formData();
  } catch {
    throw new ApiError(400, 'The body is not the multipart/form-data that its content type announces.');
  }
}

function* transcriptEvents(text: string, usage: OpenAI.Audio.Transcription.Tokens): Generator<ServerEvent> {
  for (const word of words(text)) yield transcriptEvent({ type: 'transcript.text.delta', delta: word });
  yield transcriptEvent({ type: 'transcript.text.done', text, usage });
}

function transcriptEvent(value: OpenAI.Audio.TranscriptionStreamEvent): ServerEvent {
  return { data: JSON.stringify(value) };
}

/** One event for each tenth of a second, give or take the header. */
function* speechEvents(audio: Buffer, inputTokens: number): Generator<ServerEvent> {
  const step = RATE / 5;
  for (let at = 0; at < audio.length; at += step) {
    yield { data: JSON.stringify({ type: 'speech.audio.delta', audio: audio.subarray(at, at + step).toString('base64') }) };
  }
  const usage = { input_tokens: inputTokens, output_tokens: ATTACHMENT_TOKENS, total_tokens: inputTokens + ATTACHMENT_TOKENS };
  yield { data: JSON.stringify({ type: 'speech.audio.done', usage }) };
}

function beeps(count: number): Buffer {
  const perBeep = RATE * BEEP_SECONDS;
  const samples = Buffer.alloc(count * perBeep * 2);
  for (let index = 0; index < count * perBeep; index += 1) {
    // Each beep swells and fades, so that words can be told apart.
    const loudness = Math.sin((Math.PI * (index % perBeep)) / perBeep);
    samples.writeInt16LE(Math.round(8000 * loudness * Math.sin((2 * Math.PI * TONE_HZ * index) / RATE)), index * 2);
  }
  return samples;
}

/** RIFF header for PCM, one channel, 16 bits. */
function wavHeader(dataBytes: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(36 + dataBytes, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(RATE, 24);
  header.writeUInt32LE(RATE * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes, 40);
  return header;
}
