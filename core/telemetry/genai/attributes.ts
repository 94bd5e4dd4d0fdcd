import { type Attributes, AttributeSink } from '../trace/attributes.ts';
import { seenAnswer, seenBody, seenRequest } from '../trace/content/body.ts';
import { count, type Fields, items, text } from '../trace/content/fields.ts';
import type { CallRecord } from '../trace/record.ts';
import { messageJson, systemJson } from './messages.ts';

const PROVIDERS: Readonly<Record<string, string>> = {
  OpenAI: 'openai',
  AzureOpenAI: 'azure.openai',
  Anthropic: 'anthropic',
  Cohere: 'cohere',
  vLLM: 'openai',
};

/**
 * Attributes of a model call by OpenTelemetry's GenAI conventions, in the names of version 1.41, as the reference has them.
 * @see https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
 */
export function genaiAttributes(record: CallRecord, valueLength: number): Attributes {
  const sink = new AttributeSink(valueLength);
  const { operation, schema, counts, error, shown } = record;
  // The reference's names of operations, as in its metrics.
  sink.set('gen_ai.operation.name', operation);
  sink.set('gen_ai.provider.name', PROVIDERS[schema ?? ''] ?? record.backend ?? 'unknown');
  sink.set('gen_ai.request.model', record.upstreamModel ?? record.model);
  sink.set('gen_ai.response.model', record.responseModel);
  sink.set('error.type', error?.type);
  sink.set('server.address', record.host);
  for (const [name, value] of record.headers) {
    sink.set(name, value);
    if (name === 'session.id') sink.set('gen_ai.conversation.id', value);
  }
  if (!counts) return sink.done();
  setUsage(sink, record);
  const asked = seenBody(record.requestBody)?.fields;
  if (asked !== undefined) setRequest(sink, asked);
  const said = seenBody(record.answer);
  const seen = seenAnswer(operation, said?.fields);
  sink.set('gen_ai.response.id', seen.id);
  if (seen.finishReasons.length > 0) sink.set('gen_ai.response.finish_reasons', [...seen.finishReasons]);
  if (shown.inputs) setInput(sink, operation, asked);
  if (shown.outputs && said !== undefined && !record.leaks(Buffer.from(said.text())))
    sink.set('gen_ai.output.messages', messageJson(seen.messages));
  return sink.done();
}

function setInput(sink: AttributeSink, operation: string, asked: Fields | undefined): void {
  const { messages, tools } = seenRequest(operation, asked);
  sink.set('gen_ai.system_instructions', systemJson(messages));
  sink.set('gen_ai.input.messages', messageJson(messages));
  if (tools.length > 0) sink.set('gen_ai.tool.definitions', `[${tools.map(({ schema: tool }) => tool).join(',')}]`);
}

function setUsage(sink: AttributeSink, { usage }: CallRecord): void {
  if (usage === undefined) return;
  sink.set('gen_ai.usage.input_tokens', usage.input);
  sink.set('gen_ai.usage.output_tokens', usage.output);
  sink.set('gen_ai.usage.cache_read.input_tokens', usage.cachedInput);
  sink.set('gen_ai.usage.cache_creation.input_tokens', usage.cacheCreation);
  sink.set('gen_ai.usage.reasoning.output_tokens', usage.reasoning);
  if (usage.source !== 'reported') sink.set('tierkit.usage_source', usage.source);
}

const NUMBERS: readonly (readonly [member: string, attribute: string])[] = [
  ['max_tokens', 'max_tokens'],
  ['max_completion_tokens', 'max_tokens'],
  ['max_output_tokens', 'max_tokens'],
  ['temperature', 'temperature'],
  ['top_p', 'top_p'],
  ['top_k', 'top_k'],
  ['frequency_penalty', 'frequency_penalty'],
  ['presence_penalty', 'presence_penalty'],
  ['seed', 'seed'],
  ['n', 'choice.count'],
];

function setRequest(sink: AttributeSink, body: Fields): void {
  for (const [member, attribute] of NUMBERS) sink.set(`gen_ai.request.${attribute}`, count(body[member]));
  const format = text(body['encoding_format']);
  if (format !== undefined) sink.set('gen_ai.request.encoding_formats', [format]);
  sink.set('gen_ai.embeddings.dimension.count', count(body['dimensions']));
  const stop = body['stop'] ?? body['stop_sequences'];
  const stops = typeof stop === 'string' ? [stop] : items(stop).flatMap((one) => text(one) ?? []);
  if (stops.length > 0) sink.set('gen_ai.request.stop_sequences', stops);
}
