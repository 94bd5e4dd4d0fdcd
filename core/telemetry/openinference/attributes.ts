import { REDACTED, type Redaction } from '../redaction.ts';
import { type Attributes, AttributeSink } from '../trace/attributes.ts';
import { maskedText, seenAnswer, seenBody, seenRequest, type SeenBody } from '../trace/content/body.ts';
import { type Fields, fields, items, text } from '../trace/content/fields.ts';
import { parametersOf } from '../trace/parameters.ts';
import type { CallRecord } from '../trace/record.ts';
import { setEmbeddings, setRerank } from './embeddings.ts';
import { setMessages } from './messages.ts';
import { setCost, setTokens } from './numbers.ts';
import { operationSpan } from './operations.ts';
import { providerOf, systemOf } from './provider.ts';

const JSON_TYPE = 'application/json';

/** Attributes of a model call by OpenInference. @see https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md */
export function openinferenceAttributes(record: CallRecord, redaction: Redaction, valueLength: number): Attributes {
  const sink = new AttributeSink(valueLength);
  const { operation, counts } = record;
  const { kind } = operationSpan(operation);
  // Another gateway has the model call's own span: a second one would count everything twice.
  sink.set('openinference.span.kind', counts ? kind : 'CHAIN');
  setModel(sink, record, kind);
  for (const [name, value] of record.headers) sink.set(name, value);
  if (!counts) return sink.done();
  setTokens(sink, record.usage);
  setCost(sink, record.cost);
  const asked = seenBody(record.requestBody);
  const said = leaking(record) ? undefined : seenBody(record.answer);
  if (asked !== undefined) setInput(sink, record, asked, redaction);
  if (said !== undefined) setOutput(sink, record, said, redaction);
  else if (record.answer !== undefined) sink.set('output.value', REDACTED);
  if (asked?.tooLarge === true || said?.tooLarge === true) sink.cut();
  if (typeof record.answer === 'object' && !Buffer.isBuffer(record.answer) && record.answer.truncated) sink.cut();
  if (operation === 'embeddings') setEmbeddings(sink, asked?.fields, said?.fields, redaction);
  if (operation === 'rerank') setRerank(sink, asked?.fields, said?.fields, redaction);
  return sink.done();
}

/** A backend that sends our own key back does not get it into a trace. */
function leaking({ answer, leaks }: CallRecord): boolean {
  if (answer === undefined || answer === 'too large') return false;
  return leaks(Buffer.isBuffer(answer) ? answer : Buffer.from(JSON.stringify(answer.value() ?? {})));
}

function setModel(sink: AttributeSink, record: CallRecord, kind: string): void {
  const { model, upstreamModel, responseModel } = record;
  const name = responseModel ?? upstreamModel ?? model;
  if (kind === 'EMBEDDING') {
    sink.set('embedding.model_name', name);
    // Phoenix knows prices by this name.
    sink.set('llm.model_name', name);
  } else if (kind === 'RERANKER') sink.set('reranker.model_name', name);
  else {
    sink.set('llm.system', systemOf(record));
    sink.set('llm.model_name', name);
  }
  sink.set('llm.provider', providerOf(record));
  sink.set('llm.request.model_name', model);
  sink.set('llm.response.model_name', responseModel);
}

function setInput(sink: AttributeSink, { operation }: CallRecord, body: SeenBody, redaction: Redaction): void {
  const { hides } = redaction;
  sink.set('input.value', hidesInput(operation, body, redaction) ? REDACTED : maskedText(body, redaction));
  if (!hides.HIDE_INPUTS) sink.set('input.mime_type', JSON_TYPE);
  if (body.fields === undefined) return;
  const parameters = parametersOf(
    body.fields,
    hides.HIDE_INPUTS || hides.HIDE_INPUT_MESSAGES || hides.HIDE_INPUT_TEXT || hides.HIDE_PROMPTS,
  );
  const name = operation === 'embeddings' ? 'embedding.invocation_parameters' : 'llm.invocation_parameters';
  if (operation !== 'rerank') sink.set(name, hides.HIDE_LLM_INVOCATION_PARAMETERS ? REDACTED : parameters);
  const { messages, tools } = seenRequest(operation, body.fields);
  setMessages(sink, 'input', messages, redaction);
  if (!hides.HIDE_INPUTS) {
    for (const [index, { schema }] of tools.slice(0, 128).entries())
      sink.set(`llm.tools.${index}.tool.json_schema`, hides.HIDE_LLM_TOOLS ? REDACTED : schema);
  }
  if (operation === 'completion') setPrompts(sink, body.fields, redaction);
}

/** Whether the text of the request has something in it that a switch hides: then none of it is told. */
function hidesInput(operation: string, { fields: body, tooLarge }: SeenBody, { hides }: Redaction): boolean {
  if (tooLarge || hides.HIDE_INPUTS || hides.HIDE_INPUT_TEXT || hides.HIDE_INPUT_MESSAGES || hides.HIDE_LLM_INVOCATION_PARAMETERS)
    return true;
  if (hides.HIDE_LLM_TOOLS && body?.['tools'] !== undefined) return true;
  if (operation === 'embeddings') return hides.HIDE_EMBEDDINGS_TEXT;
  return operation === 'completion' && hides.HIDE_PROMPTS;
}

function setPrompts(sink: AttributeSink, { prompt }: Fields, { hides }: Redaction): void {
  if (hides.HIDE_INPUTS) return;
  const prompts = typeof prompt === 'string' ? [prompt] : items(prompt).flatMap((one) => text(one) ?? []);
  const hidden = hides.HIDE_PROMPTS || hides.HIDE_INPUT_TEXT;
  for (const [index, one] of prompts.slice(0, 128).entries()) sink.set(`llm.prompts.${index}.prompt.text`, hidden ? REDACTED : one);
}

function setOutput(sink: AttributeSink, { operation }: CallRecord, body: SeenBody, redaction: Redaction): void {
  const { hides } = redaction;
  sink.set('output.value', hidesOutput(operation, body, redaction) ? REDACTED : maskedText(body, redaction));
  if (!hides.HIDE_OUTPUTS) sink.set('output.mime_type', JSON_TYPE);
  const { messages, finishReasons } = seenAnswer(operation, body.fields);
  setMessages(sink, 'output', messages, redaction);
  if (finishReasons.length > 0) sink.set('llm.finish_reason', finishReasons[0]);
  if (operation !== 'completion' || hides.HIDE_OUTPUTS) return;
  const hidden = hides.HIDE_CHOICES || hides.HIDE_OUTPUT_TEXT;
  for (const [index, choice] of items(body.fields?.['choices']).slice(0, 128).entries())
    sink.set(`llm.choices.${index}.completion.text`, hidden ? REDACTED : text(fields(choice)['text']));
}

function hidesOutput(operation: string, { tooLarge, fields: body }: SeenBody, { hides }: Redaction): boolean {
  if (tooLarge || hides.HIDE_OUTPUTS || hides.HIDE_OUTPUT_TEXT || hides.HIDE_OUTPUT_MESSAGES) return true;
  // The answer to a request for responses repeats its instructions, its tools and its parameters.
  const repeats = body?.['tools'] !== undefined || body?.['instructions'] !== undefined;
  if (repeats && (hides.HIDE_INPUTS || hides.HIDE_INPUT_TEXT || hides.HIDE_INPUT_MESSAGES || hides.HIDE_LLM_TOOLS)) return true;
  if (operation === 'embeddings') return hides.HIDE_EMBEDDINGS_VECTORS;
  return operation === 'completion' && hides.HIDE_CHOICES;
}
