/** The one generation behind chat completions, responses and messages. */
import { answerText, type Format } from './answer.ts';
import { type Conversation, inputTokens } from './conversation.ts';
import { countTokens, cut, type Cut } from './tokens.ts';
import { chooseCalls, type Tool, type ToolCall, type ToolChoice } from './tools.ts';

export interface Order {
  readonly model: string;
  readonly conversation: Conversation;
  readonly tools: readonly Tool[];
  /** The tool definitions as they came, which is what counts as input. */
  readonly toolDefinitions: unknown;
  readonly choice: ToolChoice;
  readonly format: Format;
  readonly stops: readonly string[];
  readonly maxTokens: number | null;
}

export interface Generation extends Cut {
  /** Tools to call; when there are any, `text` is empty. A limit of tokens does not shorten calls. */
  readonly calls: readonly ToolCall[];
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** The whole answer at once; streams cut it into events. */
export function generate(order: Order): Generation {
  const input = inputTokens(order.conversation, order.toolDefinitions).length;
  const calls = chooseCalls(order.conversation, order.tools, order.choice);
  if (calls.length > 0) {
    const output = calls.reduce((sum, call) => sum + countTokens(call.name) + countTokens(JSON.stringify(call.arguments)), 0);
    return { text: '', reason: 'end', stop: null, calls, inputTokens: input, outputTokens: output };
  }
  const said = cut(answerText(order.model, order.conversation, order.format), order.stops, order.maxTokens);
  return { ...said, calls, inputTokens: input, outputTokens: countTokens(said.text) };
}
