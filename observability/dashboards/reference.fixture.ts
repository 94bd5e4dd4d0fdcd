// For tests: what the dashboard asks for that Envoy AI Gateway ships (examples/monitoring, v1.1), so that it can be imported as it is.

const COUNT = 'gen_ai_server_request_duration_seconds_count';
const TOKENS = 'gen_ai_client_token_usage_sum';
const FAILED = `${COUNT}{error_type!=""}`;

const quantile = (q: string, metric: string, window: string): string =>
  `histogram_quantile(${q}, sum(rate(gen_ai_server_${metric}_seconds_bucket[${window}])) by (le))`;

export const REFERENCE_QUERIES: readonly string[] = [
  `sum(${COUNT})`,
  `sum(${TOKENS}{gen_ai_token_type=~"input|output"})`,
  quantile('0.95', 'time_to_first_token', '15m'),
  quantile('0.95', 'request_duration', '15m'),
  `sum by (gen_ai_token_type) (${TOKENS})`,
  ...['0.50', '0.95', '0.99'].map((q) => quantile(q, 'request_duration', '1m')),
  quantile('0.95', 'time_to_first_token', '1m'),
  quantile('0.95', 'time_per_output_token', '1m'),
  `sum by (gen_ai_original_model, gen_ai_response_model, gen_ai_provider_name) (${COUNT})`,
  `sum(rate(${COUNT}[1m]))`,
  `sum by (gen_ai_token_type) (rate(${TOKENS}[1m]))`,
  `sum(${FAILED}) / sum(${COUNT})`,
  `1 - ((sum by (gen_ai_original_model) (${FAILED})) or (sum by (gen_ai_original_model) (${COUNT}) * 0)) / sum by (gen_ai_original_model) (${COUNT})`,
];
