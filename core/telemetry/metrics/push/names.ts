import type { Definition } from '../definition.ts';

// What the metrics are called where they are sent by OTLP, so that Prometheus' receiver gives them the names of /metrics: it writes dots
// as underscores and adds the unit, unless the name has it, and `_total` to what only grows (Prometheus 3, otlp.translation_strategy).

/** The names of OpenTelemetry's conventions of GenAI and MCP, and what the reference calls the others. */
const CONVENTIONS: Readonly<Record<string, string>> = {
  gen_ai_client_token_usage: 'gen_ai.client.token.usage',
  gen_ai_server_request_duration_seconds: 'gen_ai.server.request.duration',
  gen_ai_server_time_to_first_token_seconds: 'gen_ai.server.time_to_first_token',
  gen_ai_server_time_per_output_token_seconds: 'gen_ai.server.time_per_output_token',
  mcp_method_count_total: 'mcp.method.count',
  mcp_request_duration: 'mcp.request.duration',
  mcp_server_operation_duration_seconds: 'mcp.server.operation.duration',
  mcp_client_operation_duration_seconds: 'mcp.client.operation.duration',
};

const ATTRIBUTES: Readonly<Record<string, string>> = {
  gen_ai_operation_name: 'gen_ai.operation.name',
  gen_ai_provider_name: 'gen_ai.provider.name',
  gen_ai_original_model: 'gen_ai.original.model',
  gen_ai_request_model: 'gen_ai.request.model',
  gen_ai_response_model: 'gen_ai.response.model',
  gen_ai_token_type: 'gen_ai.token.type',
  error_type: 'error.type',
  mcp_backend: 'mcp.backend',
  mcp_method_name: 'mcp.method.name',
};

export interface OtelNames {
  readonly name: string;
  /** UCUM; empty where a number has none. */
  readonly unit: string;
  /** In the order of the metric's labels. */
  readonly attributes: readonly string[];
}

/** @param headers attributes of labels that come of headers, by label */
export function otelNames({ name, unit, labels }: Definition, headers: ReadonlyMap<string, string>): OtelNames {
  const convention = CONVENTIONS[name];
  return {
    name: convention ?? name,
    unit: unitOf(name, unit),
    attributes: labels.map((label) => (convention === undefined ? label : (headers.get(label) ?? ATTRIBUTES[label] ?? label))),
  };
}

/**
 * A ratio is said by no unit: with "1" a gauge would get a second name, `…_ratio`. Neither are the seconds of a name that does not have them
 * (the reference's `mcp_request_duration`): it would get them.
 */
function unitOf(name: string, unit: string): string {
  if (unit === 'seconds') return name.includes('_seconds') ? 's' : '';
  if (unit === 'bytes') return 'By';
  if (unit === 'tokens') return '{token}';
  return ['', 'ratio', 'boolean', 'generation'].includes(unit) ? '' : `{${unit.replaceAll(' ', '_')}}`;
}
