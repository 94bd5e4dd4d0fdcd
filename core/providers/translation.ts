import type { IncomingHttpHeaders } from 'node:http';

import type { Accepted } from '../attempt/call.ts';
import { UnacceptableAnswer } from '../attempt/failure.ts';
import { GatewayError } from '../errors.ts';
import { SseScanner } from '../http/sse.ts';
import type { Edit } from '../json/edit.ts';
import type { JsonObjectScan } from '../json/scan.ts';
import type { Asked, Codec, Loss, StreamDecoder, StreamEncoder, StreamEvent } from '../llm/codec.ts';
import { CODECS, type TranslatedDialect } from '../llm/codecs.ts';
import type { Answer, AnswerEvent, Conversation } from '../llm/conversation.ts';
import type { EventMeaning, StreamReader } from '../llm/stream.ts';
import type { Usage } from '../llm/usage.ts';
import { type ChatWords, inWordsOf } from './chat-words.ts';
import { refuseLosses, sent, type Told, toldOf, type Translated } from './translated.ts';

/** What of the neutral conversation a translation to one backend is made with. */
export interface TranslationOptions {
  readonly from: TranslatedDialect;
  readonly to: TranslatedDialect;
  /** As the client said it. */
  readonly conversation: Conversation;
  /** What the backend calls the model. */
  readonly model: string;
  /** Output tokens at most, whatever the request says. */
  readonly bound: number | undefined;
  readonly edits: readonly Edit[];
  /** Of a backend of chat completions. */
  readonly words: ChatWords;
  /** Refuses what would be dropped. */
  readonly strict: boolean;
  readonly asked: Asked;
}

/** A conversation, at a backend that says it in another API. */
export class Translation implements Translated {
  readonly to: TranslatedDialect;
  readonly body: Buffer;
  readonly #asked: Asked;
  readonly model: string;
  readonly #client: Codec;
  readonly #backend: Codec;
  readonly #losses: readonly Loss[];
  #ofAnswer: readonly Loss[] = [];
  #stream: TranslatingReader | undefined;

  /** @throws GatewayError TK_UNSUPPORTED for several answers; where it is strict and something would be dropped */
  constructor({ from, to, conversation, model, bound, edits, words, strict, asked }: TranslationOptions) {
    this.to = to;
    this.model = model;
    this.#asked = asked;
    this.#client = CODECS[from];
    this.#backend = CODECS[to];
    // One instead of several would be paid for, and be none of what the client reads.
    if (conversation.choices > 1) throw new GatewayError('TK_UNSUPPORTED', severalAnswers(to), { param: 'n' });
    const sampling = bound === undefined ? conversation.sampling : { ...conversation.sampling, maxTokens: bound };
    const { body, losses } = this.#backend.encodeRequest({ ...conversation, model, sampling }, { thoughts: words.takesThoughts === true });
    this.#losses = losses;
    if (strict) refuseLosses(losses, to);
    this.body = sent(to === 'openai-chat' ? inWordsOf(words, body) : body, edits);
  }

  get told(): Told {
    const stream = this.#stream;
    return toldOf([...this.#losses, ...this.#ofAnswer, ...(stream === undefined ? [] : stream.losses)]);
  }

  accept(scan: JsonObjectScan, id: string): Accepted & { readonly body: Buffer } {
    const answer = this.#whole(this.#backend.decodeAnswer(scan), id);
    const { body, losses } = this.#client.encodeAnswer(answer, this.#asked);
    this.#ofAnswer = losses;
    const { usage, model } = answer;
    return { usage, model, body: Buffer.from(JSON.stringify(body)) };
  }

  /** @param heard takes each event as the client gets it */
  reader(id: string, heard?: (data: Buffer, isToken: boolean) => void): TranslatingReader {
    this.#stream = new TranslatingReader(
      this.#backend.decodeStream(),
      this.#client.encodeStream(this.#asked),
      (event) => ({ ...event, id: event.id || id, model: event.model || this.model }),
      heard,
    );
    return this.#stream;
  }

  /** APIs that name model or answer elsewhere leave them out. */
  #whole(answer: Answer, id: string): Answer {
    return { ...answer, id: answer.id || id, model: answer.model || this.model };
  }
}

function severalAnswers(to: TranslatedDialect): string {
  return `n: the backend’s API, ${to}, gives one answer a request; ask for one several times`;
}

type Start = Extract<AnswerEvent, { readonly type: 'answer_start' }>;

const STRENGTH: Readonly<Record<EventMeaning, number>> = { hold: 0, drop: 0, pass: 1, token: 2, end: 3, error: 4, malformed: 5 };

/** Reads the stream of one API, and writes that of another. */
export class TranslatingReader implements StreamReader {
  /** Whether it is whole is said by {@link rest}. */
  readonly complete = true;
  usage: Usage | undefined;
  model: string | undefined;
  tokens = 0;
  readonly #decoder: StreamDecoder;
  readonly #encoder: StreamEncoder;
  readonly #start: (event: Start) => Start;
  readonly #heard: ((data: Buffer, isToken: boolean) => void) | undefined;
  #out = '';

  constructor(
    decoder: StreamDecoder,
    encoder: StreamEncoder,
    start: (event: Start) => Start,
    heard: ((data: Buffer, isToken: boolean) => void) | undefined,
  ) {
    this.#decoder = decoder;
    this.#encoder = encoder;
    this.#start = start;
    this.#heard = heard;
  }

  get losses(): readonly Loss[] {
    return [...this.#decoder.losses.list(), ...this.#encoder.losses.list()];
  }

  read(event: StreamEvent): EventMeaning {
    return this.#write(this.#decoder.push(event));
  }

  /** What the client gets of what was read last; undefined: nothing. */
  take(): Buffer | undefined {
    if (this.#out === '') return undefined;
    const bytes = Buffer.from(this.#out);
    this.#out = '';
    return bytes;
  }

  /**
   * What follows the last event, in streams without an end marker.
   * @throws UnacceptableAnswer where the answer is not whole
   */
  rest(): Buffer | undefined {
    this.#write(this.#decoder.end());
    return this.take();
  }

  #write(events: readonly AnswerEvent[]): EventMeaning {
    let meaning: EventMeaning = 'hold';
    for (const event of events) {
      const one = this.#one(event);
      if (STRENGTH[one] > STRENGTH[meaning]) meaning = one;
    }
    if (this.#heard !== undefined && this.#out !== '') hear(this.#out, meaning === 'token', this.#heard);
    return meaning;
  }

  #one(event: AnswerEvent): EventMeaning {
    switch (event.type) {
      case 'answer_start': {
        const start = this.#start(event);
        this.model = start.model;
        this.usage = start.usage;
        this.#out += this.#encoder.push(start);
        return 'hold';
      }
      case 'block_start': {
        const { block } = event;
        this.#out += this.#encoder.push(event);
        if (block.type === 'text' || block.type === 'refusal') return block.text === '' ? 'hold' : this.#token();
        if (block.type === 'reasoning') return block.text === '' && block.sealed === undefined ? 'hold' : this.#token();
        return this.#token();
      }
      case 'answer_stop':
        this.usage = event.usage ?? this.usage;
        this.#out += this.#encoder.push(event) + this.#encoder.end();
        return 'end';
      case 'error':
        this.#out = this.#encoder.push(event);
        return 'error';
      case 'citation':
      case 'block_stop':
        this.#out += this.#encoder.push(event);
        return this.tokens === 0 ? 'hold' : 'pass';
      case 'text_delta':
      case 'reasoning_delta':
      case 'arguments_delta':
      case 'signature_delta':
        this.#out += this.#encoder.push(event);
        return this.#token();
    }
  }

  #token(): EventMeaning {
    this.tokens++;
    return 'token';
  }
}

/** Hands over what the client gets, event by event. */
function hear(text: string, isToken: boolean, heard: (data: Buffer, isToken: boolean) => void): void {
  const scanner = new SseScanner({
    onEvent: (_, { data }) => {
      if (data !== undefined) heard(data, isToken);
    },
  });
  scanner.push(Buffer.from(text));
}

/** What an answer of a backend is called where its API gives it no name. */
export function answerId(headers: IncomingHttpHeaders, ours: string): string {
  const own = headers['x-amzn-requestid'];
  return typeof own === 'string' ? own : ours;
}

/** A stream was asked for, and the backend gave a whole answer. */
export function notStreamed(): UnacceptableAnswer {
  return new UnacceptableAnswer('malformed', 'the backend answered with no stream, though one was asked for');
}
