import { REDACTED, type Redaction, withSides } from '#core/telemetry/redaction';
import { AttributeSink, type Attributes } from '#core/telemetry/trace/attributes';
import { maskedText, seenBody, type SeenBody } from '#core/telemetry/trace/content/body';
import type { TraceSettings } from '#core/telemetry/trace/settings';

import type { OperationError } from './operation.ts';
import type { About, CallRecord, McpRecord } from './record.ts';

export type SpanSettings = Pick<TraceSettings, 'convention' | 'redaction' | 'valueLength'>;

/** Characters of a tool's base64 that the GenAI conventions' attributes have: a trace is no store of pictures. */
const MOST_BASE64 = 256;

/**
 * Attributes of a client's request or notification.
 * @see https://opentelemetry.io/docs/specs/semconv/gen-ai/mcp/
 */
export function serverAttributes(record: McpRecord, settings: SpanSettings): Attributes {
  const { method, about, error, shown } = record;
  const sink = new AttributeSink(settings.valueLength);
  const isOpenInference = settings.convention === 'openinference';
  if (isOpenInference) sink.set('openinference.span.kind', method === 'tools/call' ? 'TOOL' : 'CHAIN');
  setMessage(sink, method, about, shown.inputs);
  if (isOpenInference) sink.set('tool.name', about.tool);
  sink.set('jsonrpc.request.id', idText(record.rpcId));
  sink.set('mcp.session.id', record.session);
  sink.set('mcp.protocol.version', record.version);
  setNetwork(sink, record.httpVersion);
  setError(sink, error);
  for (const [name, value] of record.headers) sink.set(name, value);
  sink.set('http.response.status_code', record.status);
  sink.set('url.path', record.path.slice(0, 500));
  sink.set('tierkit.request_id', record.requestId);
  sink.set('tierkit.kept_for', record.keptFor);
  sink.set('tierkit.route', record.route);
  sink.set('tierkit.client_id', record.clientId);
  sink.set('tierkit.backend', record.server);
  sink.set('tierkit.error_code', error?.gatewayCode);
  if (record.clientGone) sink.set('tierkit.client_gone', true);
  if (method === 'tools/call') (isOpenInference ? setValues : setCall)(sink, record, withSides(settings.redaction, shown));
  return sink.done();
}

/** Attributes of what a server was asked. */
export function clientAttributes(call: CallRecord, record: McpRecord, settings: SpanSettings): Attributes {
  const sink = new AttributeSink(settings.valueLength);
  // One span of a tool is enough: the request's.
  if (settings.convention === 'openinference') sink.set('openinference.span.kind', 'CHAIN');
  setMessage(sink, call.method, call.about, record.shown.inputs);
  sink.set('jsonrpc.request.id', idText(call.rpcId));
  sink.set('mcp.protocol.version', call.version);
  setNetwork(sink, undefined);
  sink.set('server.address', call.address);
  sink.set('server.port', call.port);
  sink.set('http.response.status_code', call.status);
  setError(sink, call.error);
  sink.set('tierkit.backend', call.server);
  return sink.done();
}

function setMessage(sink: AttributeSink, method: string, { tool, prompt, uri }: About, showsInputs: boolean): void {
  sink.set('mcp.method.name', method);
  if (method === 'tools/call') sink.set('gen_ai.operation.name', 'execute_tool');
  sink.set('gen_ai.tool.name', tool);
  sink.set('gen_ai.prompt.name', prompt);
  if (showsInputs) sink.set('mcp.resource.uri', uri);
}

function setNetwork(sink: AttributeSink, version: string | undefined): void {
  sink.set('network.transport', 'tcp');
  sink.set('network.protocol.name', 'http');
  sink.set('network.protocol.version', version === '2.0' ? '2' : version);
}

function setError(sink: AttributeSink, error: OperationError | undefined): void {
  sink.set('error.type', error?.type);
  if (error?.code !== undefined) sink.set('rpc.response.status_code', String(error.code));
}

/** A string of JSON without its quotes; a number as it was written. */
function idText(json: string | undefined): string | undefined {
  if (json === undefined || json === 'null') return undefined;
  return (json.startsWith('"') ? (JSON.parse(json) as string) : json).slice(0, 256);
}

/** What was said, by OpenInference. */
function setValues(sink: AttributeSink, record: McpRecord, redaction: Redaction): void {
  const { hides } = redaction;
  const hidesInput = hides.HIDE_INPUTS || hides.HIDE_INPUT_TEXT || hides.HIDE_INPUT_MESSAGES;
  const hidesOutput = hides.HIDE_OUTPUTS || hides.HIDE_OUTPUT_TEXT || hides.HIDE_OUTPUT_MESSAGES;
  setValue(sink, 'input', hidesInput ? undefined : seenBody(record.arguments), redaction);
  setValue(sink, 'output', hidesOutput ? undefined : seenResult(record), redaction);
}

function setValue(sink: AttributeSink, side: 'input' | 'output', body: SeenBody | undefined, redaction: Redaction): void {
  sink.set(`${side}.value`, body === undefined ? REDACTED : maskedText(body, redaction));
  if (body === undefined) return;
  sink.set(`${side}.mime_type`, 'application/json');
  if (body.tooLarge) sink.cut();
}

/** The same by the GenAI conventions. */
function setCall(sink: AttributeSink, record: McpRecord, redaction: Redaction): void {
  const masked = { ...redaction, base64Length: Math.min(MOST_BASE64, redaction.base64Length) };
  const asked = record.shown.inputs ? seenBody(record.arguments) : undefined;
  const said = record.shown.outputs ? seenResult(record) : undefined;
  sink.set('gen_ai.tool.call.arguments', asked && maskedText(asked, masked));
  sink.set('gen_ai.tool.call.result', said && maskedText(said, masked));
  if (asked?.tooLarge === true || said?.tooLarge === true) sink.cut();
}

/** A server that sends a credential back does not get it into a trace. */
function seenResult({ result, secrets }: McpRecord): SeenBody | undefined {
  const repeats = Buffer.isBuffer(result) && secrets.some((secret) => secret !== '' && result.includes(secret));
  return repeats ? undefined : seenBody(result);
}
