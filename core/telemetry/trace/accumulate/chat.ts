import type { Accumulator } from '../accumulate.ts';
import { type Fields, fields, items, parsed, text } from '../content/fields.ts';
import { Bounded, inOrder, part } from './pieces.ts';

interface ToolCall {
  id: string | undefined;
  name: string;
  arguments: string;
}

interface Choice {
  /** Of a completion, not of a chat. */
  text: string | undefined;
  content: string | undefined;
  reasoning: string;
  refusal: string;
  finish: string | undefined;
  readonly calls: Map<number, ToolCall>;
}

/** Stream of chat completions or completions. */
export class ChatAccumulator extends Bounded implements Accumulator {
  readonly #choices = new Map<number, Choice>();
  #id: string | undefined;
  #model: string | undefined;

  push(data: Buffer, isToken: boolean): void {
    if (isToken && (!this.content || this.room.truncated)) return;
    const chunk = parsed(data);
    if (chunk === undefined) return;
    this.#id ??= text(chunk['id']);
    this.#model ??= text(chunk['model']);
    for (const item of items(chunk['choices'])) {
      const said = fields(item);
      const choice = part(this.#choices, said['index'], newChoice);
      if (choice === undefined) continue;
      choice.finish = text(said['finish_reason']) ?? choice.finish;
      if (!this.content) continue;
      const completed = text(said['text']);
      if (completed !== undefined) choice.text = (choice.text ?? '') + this.room.take(completed);
      this.#delta(choice, fields(said['delta']));
    }
  }

  #delta(choice: Choice, delta: Fields): void {
    const content = text(delta['content']);
    if (content !== undefined) choice.content = (choice.content ?? '') + this.room.take(content);
    // Two names of one thing: vLLM and DeepSeek, OpenRouter.
    const reasoning = text(delta['reasoning_content']) ?? text(delta['reasoning']);
    if (reasoning !== undefined) choice.reasoning += this.room.take(reasoning);
    const refusal = text(delta['refusal']);
    if (refusal !== undefined) choice.refusal += this.room.take(refusal);
    for (const item of items(delta['tool_calls'])) {
      const said = fields(item);
      const call = part(choice.calls, said['index'], newCall);
      if (call === undefined) continue;
      const { name, arguments: more } = fields(said['function']);
      call.id ??= text(said['id']);
      call.name += this.room.take(text(name) ?? '');
      call.arguments += this.room.take(text(more) ?? '');
    }
  }

  value(): Fields | undefined {
    if (this.#choices.size === 0) return undefined;
    const choices = inOrder(this.#choices).map(([index, choice]) => ({
      index,
      ...(choice.text === undefined ? { message: messageOf(choice) } : { text: choice.text }),
      finish_reason: choice.finish ?? null,
    }));
    return { id: this.#id, model: this.#model, choices };
  }
}

function newChoice(): Choice {
  return { text: undefined, content: undefined, reasoning: '', refusal: '', finish: undefined, calls: new Map() };
}

function newCall(): ToolCall {
  return { id: undefined, name: '', arguments: '' };
}

function messageOf({ content, reasoning, refusal, calls }: Choice): Fields {
  return {
    role: 'assistant',
    content: content ?? null,
    ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
    ...(refusal === '' ? {} : { refusal }),
    ...(calls.size === 0
      ? {}
      : {
          tool_calls: inOrder(calls).map(([, call]) => ({
            id: call.id,
            type: 'function',
            function: { name: call.name, arguments: call.arguments },
          })),
        }),
  };
}
