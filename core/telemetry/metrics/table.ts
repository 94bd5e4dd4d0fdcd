import type { Definition, TierName } from './definition.ts';

// The one table of metrics. `docs/metrics.md` is made of it; a test fails when the page is stale.

const ONE = ['one'] as const;
const TWO = ['two', 'epp'] as const;
const BOTH = ['one', 'two'] as const;
const ALL = ['one', 'two', 'epp'] as const;

type Tiers = readonly TierName[];
type Row<Type, Labels extends readonly string[]> = Definition<Labels> & { readonly type: Type };

function counter<const L extends readonly string[]>(tiers: Tiers, name: string, unit: string, labels: L, help: string): Row<'counter', L> {
  return { type: 'counter', tiers, name, unit, labels, help };
}

function gauge<const L extends readonly string[]>(tiers: Tiers, name: string, unit: string, labels: L, help: string): Row<'gauge', L> {
  return { type: 'gauge', tiers, name, unit, labels, help };
}

function histogram<const L extends readonly string[]>(
  tiers: Tiers,
  name: string,
  [unit, buckets]: readonly [unit: string, buckets: readonly number[]],
  labels: L,
  help: string,
): Row<'histogram', L> {
  return { type: 'histogram', tiers, name, unit, buckets, labels, help };
}

/** Buckets and labels of the first four are those of the OpenTelemetry GenAI conventions (1.41), as Envoy AI Gateway serves them. */
const TOKENS = ['tokens', Array.from({ length: 14 }, (_, power) => 4 ** power)] as const;
const GEN_AI_DURATION = ['seconds', Array.from({ length: 14 }, (_, power) => (2 ** power * 10) / 1000)] as const;
const TTFT = [
  'seconds',
  [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 15, 20, 30, 45, 60],
] as const;
const TPOT = ['seconds', [0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 2.5]] as const;
const GEN_AI = [
  'gen_ai_operation_name',
  'gen_ai_provider_name',
  'gen_ai_original_model',
  'gen_ai_request_model',
  'gen_ai_response_model',
] as const;

const WHOLE = ['seconds', [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]] as const;
const SHORT = ['seconds', [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1]] as const;
const WAIT = ['seconds', [0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300]] as const;
const RATIO = ['ratio', [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1]] as const;

/** Of two namespaces, pools may have one name: llm-d has no label for it. */
const POOL = ['inference_pool', 'pool_namespace'] as const;
const NAME = ['name', 'pool_namespace'] as const;
const ENDPOINT = [...POOL, 'pod', 'endpoint'] as const;
const EPP_MODEL = ['model_name', 'target_model_name', 'fairness_id', 'priority'] as const;

/** Of the controller that runs alone as well: tiers control a cluster by themselves where none does. */
function controlled<const R extends Definition>(row: R): R & { readonly controller: true } {
  return { ...row, controller: true };
}

export const METRICS = {
  // The reference's, at tier one only: both tiers together would count a token twice.
  tokenUsage: histogram(
    ONE,
    'gen_ai_client_token_usage',
    TOKENS,
    [...GEN_AI, 'gen_ai_token_type'] as const,
    'Tokens of a request by type (input, output, cached_input, cache_creation_input, reasoning); input includes the cached ones, output the reasoning',
  ),
  genAiDuration: histogram(
    ONE,
    'gen_ai_server_request_duration_seconds',
    GEN_AI_DURATION,
    [...GEN_AI, 'error_type'] as const,
    'Time of a request to a model API, from its head to the last byte of its answer, all attempts included; error_type of failures only',
  ),
  timeToFirstToken: histogram(
    ONE,
    'gen_ai_server_time_to_first_token_seconds',
    TTFT,
    GEN_AI,
    'Time of a streamed request to the first event that has content',
  ),
  timePerOutputToken: histogram(
    ONE,
    'gen_ai_server_time_per_output_token_seconds',
    TPOT,
    GEN_AI,
    'Time per output token after the first one, of streams that were whole',
  ),

  // Requests.
  requests: counter(
    ALL,
    'tierkit_requests_total',
    'requests',
    ['operation', 'status', 'error_type'],
    'Requests answered, by operation, status of the answer and class of failure',
  ),
  duration: histogram(
    ALL,
    'tierkit_request_duration_seconds',
    WHOLE,
    ['operation'],
    'Time from the head of a request to the last byte of its answer',
  ),
  overhead: histogram(
    BOTH,
    'tierkit_gateway_overhead_seconds',
    SHORT,
    ['operation'],
    'Time of a request that the gateway itself took: without the wait for its body, for a turn in the queue, for backends and between attempts',
  ),
  inFlight: gauge(ALL, 'tierkit_requests_in_flight', 'requests', [], 'Requests that are being answered'),
  usageSource: counter(
    BOTH,
    'tierkit_usage_source_total',
    'requests',
    ['source'],
    'Requests to a model API by what their token counts come from (reported, counted, estimated, none)',
  ),

  // Attempts at backends.
  attempts: counter(
    BOTH,
    'tierkit_attempts_total',
    'attempts',
    ['backend', 'result'],
    'Attempts at backends, by backend and result (ok, or the class of the failure)',
  ),
  attemptDuration: histogram(
    BOTH,
    'tierkit_attempt_duration_seconds',
    WHOLE,
    ['backend'],
    'Time of an attempt, from its sending to its end',
  ),
  upstreamFirstToken: histogram(
    BOTH,
    'tierkit_upstream_time_to_first_token_seconds',
    TTFT,
    ['backend'],
    'Time from the sending of an attempt to the first event that has content, of streams',
  ),
  retries: counter(
    BOTH,
    'tierkit_retries_total',
    'attempts',
    ['backend', 'reason'],
    'Further attempts at the backend that had failed, by why',
  ),
  fallbacks: counter(
    BOTH,
    'tierkit_fallbacks_total',
    'attempts',
    ['from', 'to', 'reason'],
    'Attempts at another backend than the one that had failed, by why',
  ),
  backendInFlight: gauge(BOTH, 'tierkit_backend_requests_in_flight', 'requests', ['backend'], 'Requests that a backend is answering'),
  backendEndpoints: gauge(
    BOTH,
    'tierkit_backend_endpoints',
    'endpoints',
    ['backend', 'state'],
    'Endpoints of a backend by state: available, cooling (it asked to wait), ejected (the breaker is open), trial (one request tries it)',
  ),
  backendEjections: counter(
    BOTH,
    'tierkit_backend_ejections_total',
    'ejections',
    ['backend'],
    'Times that an endpoint of a backend was taken out of the choice',
  ),

  mirrored: counter(
    BOTH,
    'tierkit_mirrored_requests_total',
    'requests',
    ['backend', 'result'],
    'Copies of requests to mirrors: ok (any answer), failed (none), given_up (too slow), skipped (too many at once, or none answered lately)',
  ),

  // Limits, budgets, money.
  admissions: counter(
    ONE,
    'tierkit_admission_decisions_total',
    'decisions',
    ['kind', 'rule', 'decision'],
    'Decisions by kind of rule (limit, budget, quota) and rule: admitted, refused, shadow (it would have refused)',
  ),
  reserved: counter(
    ONE,
    'tierkit_admission_reserved_total',
    'units',
    ['rule', 'unit'],
    'What requests have set aside of a limit or budget before they ran, in its unit (requests, tokens, a currency)',
  ),
  settled: counter(
    ONE,
    'tierkit_admission_settled_total',
    'units',
    ['rule', 'unit'],
    'What requests really used of a limit or budget, in its unit',
  ),
  budgetLimit: gauge(
    ONE,
    'tierkit_budget_limit',
    'units',
    ['rule', 'subject', 'unit'],
    'Size of a limit or budget that requests lately went to',
  ),
  budgetUsed: gauge(ONE, 'tierkit_budget_used', 'units', ['rule', 'subject', 'unit'], 'What is used of it in its window'),
  budgetRemaining: gauge(
    ONE,
    'tierkit_budget_remaining',
    'units',
    ['rule', 'subject', 'unit'],
    'What is left of it, without what requests under way have set aside',
  ),
  budgetsUnread: counter(ONE, 'tierkit_budget_reads_failed_total', 'scrapes', [], 'Scrapes at which the counts of limits could not be had'),
  cost: counter(
    ONE,
    'tierkit_cost_total',
    'currency units',
    ['currency', 'backend', 'model'],
    'Cost of requests in whole units of the currency, by backend and the model (of an MCP server: the tool) that it was asked for',
  ),
  clientCost: counter(ONE, 'tierkit_client_cost_total', 'currency units', ['currency', 'client_id'], 'Cost of requests by client'),
  unpriced: counter(
    ONE,
    'tierkit_unpriced_requests_total',
    'requests',
    ['backend'],
    'Requests that used tokens, and calls of tools, whose price is not known',
  ),
  clientRequests: counter(
    ONE,
    'tierkit_client_requests_total',
    'requests',
    ['client_id', 'error_type'],
    'Requests to a model API by client',
  ),
  clientTokens: counter(ONE, 'tierkit_client_tokens_total', 'tokens', ['client_id', 'token_type'], 'Tokens by client (input, output)'),
  receipts: counter(
    ONE,
    'tierkit_tier_two_receipts_total',
    'answers',
    ['result'],
    'Usage receipts of tier two: ok, mismatch with the answer, missing, invalid',
  ),
  feedback: counter(
    ONE,
    'tierkit_feedback_total',
    'requests',
    ['result'],
    'Feedback by what became of it: stored, invalid, unknown (no such call of the caller is traced), busy, late (its span did not come), unavailable (Phoenix does not answer, or too slowly), refused (Phoenix did not take it)',
  ),
  ledgerRows: counter(ONE, 'tierkit_ledger_rows_total', 'rows', ['result'], 'Rows of the ledger: written to a file, or lost for ever'),

  // Configuration, telemetry, build.
  reloads: counter(ALL, 'tierkit_config_reloads_total', 'loads', ['result'], 'Loads of the configuration, by result (ok, refused)'),
  generation: gauge(ALL, 'tierkit_config_generation', 'generation', [], 'Generation of the configuration in service'),
  reloadOk: gauge(
    ALL,
    'tierkit_config_last_reload_successful',
    'boolean',
    [],
    '1 where the last load was taken into service, 0 where it was refused',
  ),
  loadedAt: gauge(
    ALL,
    'tierkit_config_loaded_timestamp_seconds',
    'seconds',
    [],
    'Time since 1970 at which the configuration in service was loaded',
  ),
  expiresAt: gauge(
    ALL,
    'tierkit_credential_expiry_timestamp_seconds',
    'seconds',
    ['kind', 'name'],
    'Time since 1970 at which a certificate or key of the configuration ends, the first of several: listener_certificate by listener, client_certificate, ca_certificate and api_key (where it is a JWT) by backend',
  ),
  credentialEndsAt: gauge(
    BOTH,
    'tierkit_fetched_credential_expiry_timestamp_seconds',
    'seconds',
    ['policy', 'type'],
    'Time since 1970 at which the credential ends that was last fetched for a BackendSecurityPolicy; 0: none came yet; no series: it does not end',
  ),
  credentialFetches: counter(
    BOTH,
    'tierkit_credential_fetches_total',
    'attempts',
    ['policy', 'type', 'result'],
    'Times that a credential was fetched for a BackendSecurityPolicy or a TokenExchange, by result: ok or failed',
  ),
  telemetryExported: counter(
    ALL,
    'tierkit_telemetry_exported_total',
    'records',
    ['signal'],
    'Spans, and points of metrics, that were taken by the collector',
  ),
  telemetryDropped: counter(
    ALL,
    'tierkit_telemetry_dropped_total',
    'records',
    ['signal'],
    'Spans, and points of metrics, that were given up, as their queue was full or nobody took them',
  ),
  telemetryFailed: counter(
    ALL,
    'tierkit_telemetry_export_failures_total',
    'exports',
    ['signal'],
    'Exports that the collector did not take',
  ),
  seriesOverflow: controlled(
    counter(
      ALL,
      'tierkit_metrics_overflow_total',
      'questions',
      ['metric'],
      'Times that a metric had too many series and the series of "other" was used',
    ),
  ),
  scrapeDuration: controlled(
    gauge(ALL, 'tierkit_metrics_render_seconds', 'seconds', [], 'Time that the last page of metrics took to write'),
  ),
  build: controlled(gauge(ALL, 'tierkit_build_info', 'boolean', ['version', 'tier', 'node'], 'Always 1: which version of what this is')),

  // What a controller writes to a cluster.
  controllerLeader: controlled(
    gauge(
      BOTH,
      'tierkit_controller_leader',
      'boolean',
      ['controller'],
      '1 where this process writes the statuses and Services of a controller name, 0 where another one may',
    ),
  ),
  controllerWrites: controlled(
    counter(
      BOTH,
      'tierkit_controller_writes_total',
      'writes',
      ['controller', 'kind', 'result'],
      'Writes to the Kubernetes API by kind of resource and result: ok, conflict (others wrote it meanwhile), gone, forbidden, invalid, unreachable, failed',
    ),
  ),
  controllerPending: controlled(
    gauge(
      BOTH,
      'tierkit_controller_pending_writes',
      'writes',
      ['controller'],
      'Statuses and Services that ought to be written and are not yet',
    ),
  ),
  controllerReconcile: controlled(
    histogram(
      BOTH,
      'tierkit_controller_reconcile_duration_seconds',
      WAIT,
      ['controller'],
      'Time of a look at the whole cluster, with the writes that came of it',
    ),
  ),
  controllerWatches: controlled(
    gauge(
      BOTH,
      'tierkit_controller_watches',
      'kinds',
      ['controller', 'state'],
      'Kinds that are read, by state: listing, synced, watching, failing (refused, or the API server is away), stopped, missing (the cluster does not serve it)',
    ),
  ),
  controllerWatchFailures: controlled(
    counter(
      BOTH,
      'tierkit_controller_watch_failures_total',
      'failures',
      ['controller'],
      'Times that reading the cluster began to fail, each as often as the log tells it',
    ),
  ),

  // Tier two, under the names of llm-d's router and of the Gateway API Inference Extension.
  eppRequests: counter(TWO, 'llm_d_epp_request_total', 'requests', EPP_MODEL, 'Requests to pools'),
  eppErrors: counter(
    TWO,
    'llm_d_epp_request_error_total',
    'requests',
    [...EPP_MODEL, 'error_code'] as const,
    'Requests to pools that failed; error_code is our error_type',
  ),
  eppDuration: histogram(TWO, 'llm_d_epp_request_duration_seconds', WHOLE, EPP_MODEL, 'Time of a request to a pool'),
  eppFirstToken: histogram(
    TWO,
    'llm_d_epp_request_ttft_seconds',
    TTFT,
    [...EPP_MODEL, 'streaming'] as const,
    'Time to the first event that has content',
  ),
  eppPerToken: histogram(
    TWO,
    'llm_d_epp_request_streaming_tpot_seconds',
    TPOT,
    EPP_MODEL,
    'Time per output token after the first one, of whole streams',
  ),
  eppInput: histogram(TWO, 'llm_d_epp_request_input_tokens', TOKENS, EPP_MODEL, 'Tokens of the prompt'),
  eppOutput: histogram(TWO, 'llm_d_epp_request_output_tokens', TOKENS, EPP_MODEL, 'Tokens of the answer'),
  eppCached: histogram(TWO, 'llm_d_epp_request_cached_tokens', TOKENS, EPP_MODEL, 'Tokens of the prompt that the pod had in its cache'),
  schedulerDuration: histogram(
    TWO,
    'llm_d_epp_scheduler_e2e_duration_seconds',
    SHORT,
    POOL,
    'Time that the choice of a pod took, without the queue',
  ),
  schedulerAttempts: counter(
    TWO,
    'llm_d_epp_scheduler_attempts_total',
    'picks',
    ['status', 'target_model_name', 'endpoint_name', 'port', ...POOL] as const,
    'Choices of a pod: success with the pod, or failure',
  ),
  prefixHitRatio: histogram(
    TWO,
    'llm_d_epp_prefix_indexer_hit_ratio',
    RATIO,
    POOL,
    'Share of the prompt that the picker expects to be cached on the chosen pod',
  ),
  prefixSize: gauge(TWO, 'llm_d_epp_prefix_indexer_size', 'blocks', POOL, 'Blocks in the prefix index, over all pods'),
  readyEndpoints: gauge(TWO, 'llm_d_epp_ready_endpoints', 'endpoints', NAME, 'Endpoints of a pool that take requests'),
  averageKv: gauge(TWO, 'llm_d_epp_average_kv_cache_utilization', 'ratio', NAME, 'Mean use of the KV cache over the ready endpoints'),
  averageQueue: gauge(TWO, 'llm_d_epp_average_queue_size', 'requests', NAME, 'Mean number of requests that wait in the model servers'),
  averageRunning: gauge(
    TWO,
    'llm_d_epp_average_running_requests',
    'requests',
    NAME,
    'Mean number of requests that run in the model servers',
  ),
  endpointQueue: gauge(
    TWO,
    'llm_d_epp_per_endpoint_queue_size',
    'requests',
    [...NAME, 'model_server_endpoint'] as const,
    'Requests that wait in one model server',
  ),
  poolReadyPods: gauge(TWO, 'inference_pool_ready_pods', 'endpoints', NAME, 'The older name of llm_d_epp_ready_endpoints'),
  poolAverageKv: gauge(
    TWO,
    'inference_pool_average_kv_cache_utilization',
    'ratio',
    NAME,
    'The older name of llm_d_epp_average_kv_cache_utilization',
  ),
  poolAverageQueue: gauge(TWO, 'inference_pool_average_queue_size', 'requests', NAME, 'The older name of llm_d_epp_average_queue_size'),
  flowQueue: gauge(
    TWO,
    'llm_d_epp_flow_control_queue_size',
    'requests',
    ['priority', ...POOL] as const,
    'Requests that wait for their turn',
  ),
  flowQueueBytes: gauge(
    TWO,
    'llm_d_epp_flow_control_queue_bytes',
    'bytes',
    ['priority', ...POOL] as const,
    'Bodies of the requests that wait',
  ),
  flowWait: histogram(
    TWO,
    'llm_d_epp_flow_control_request_queue_duration_seconds',
    WAIT,
    ['priority', 'outcome', ...POOL] as const,
    'Time in the queue, by what came of it',
  ),
  flowRequests: counter(
    TWO,
    'llm_d_epp_flow_control_requests_total',
    'requests',
    ['outcome', 'priority', ...POOL] as const,
    'Requests that asked for their turn, by what came of it',
  ),
  saturation: gauge(
    TWO,
    'llm_d_epp_flow_control_pool_saturation',
    'ratio',
    [...POOL, 'stage'] as const,
    'How full the least loaded endpoint is: from 1 on requests wait',
  ),
  staleEndpoints: gauge(TWO, 'tierkit_pool_stale_endpoints', 'endpoints', POOL, 'Ready endpoints whose last scrape failed'),
  scrapeAge: gauge(TWO, 'tierkit_pool_scrape_age_seconds', 'seconds', POOL, 'Age of the oldest metrics of a ready endpoint'),
  endpointRequests: gauge(
    TWO,
    'llm_d_epp_inflight_requests',
    'requests',
    ['endpoint_name', 'port', ...POOL] as const,
    'Requests of this gateway at one endpoint; endpoint_name is its pod',
  ),
  endpointRunning: gauge(TWO, 'tierkit_endpoint_running_requests', 'requests', ENDPOINT, 'Requests that the engine says it runs'),
  endpointKv: gauge(TWO, 'tierkit_endpoint_kv_cache_utilization', 'ratio', ENDPOINT, 'Use of the KV cache, as the engine says'),
  endpointPrefill: gauge(
    TWO,
    'tierkit_endpoint_pending_prefill_tokens',
    'tokens',
    ENDPOINT,
    "Tokens of prompts that wait to be computed, by the picker's own accounts",
  ),
  endpointConfidence: gauge(
    TWO,
    'tierkit_endpoint_metrics_confidence',
    'ratio',
    ENDPOINT,
    'How far the picker believes the last scrape: 1 fresh, 0 stale',
  ),
  estimatedFirstToken: histogram(
    TWO,
    'tierkit_pick_estimated_ttft_seconds',
    TTFT,
    POOL,
    'Time to the first token that the picker expects of the chosen pod',
  ),
  picksBy: counter(
    TWO,
    'tierkit_picks_total',
    'picks',
    [...POOL, 'chosen_by'] as const,
    'Choices by who made them: own, picker (the external one that the pool names), fallback (own, as that one failed)',
  ),
  mcpMethods: counter(
    ONE,
    'mcp_method_count_total',
    'requests',
    ['mcp_method_name', 'status', 'mcp_backend'] as const,
    'Requests and notifications of MCP clients: success, failed (a JSON-RPC error, or a refusal), error (no answer of a server); without mcp_backend those of several servers',
  ),
  mcpDuration: histogram(
    ONE,
    'mcp_request_duration',
    ['seconds', [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]],
    ['error_type', 'mcp_backend'] as const,
    'Time of a request of an MCP client to its whole answer',
  ),
  mcpOperation: histogram(
    ONE,
    'mcp_server_operation_duration_seconds',
    ['seconds', [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]],
    ['mcp_method_name', 'error_type'] as const,
    'The same by method, as the OpenTelemetry MCP conventions have it: a JSON-RPC code, tool_error for a result that says so, or the status of another answer',
  ),
  mcpClientOperation: histogram(
    ONE,
    'mcp_client_operation_duration_seconds',
    ['seconds', [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 120, 300]],
    ['mcp_method_name', 'error_type', 'mcp_backend'] as const,
    'Time of what an MCP server is asked to its response, also of what the gateway asks of its own accord, such as initialize',
  ),
} as const satisfies Record<string, Definition>;

export type MetricKey = keyof typeof METRICS;

/** The reference's four: headers of requests can be labels of them. */
export const GEN_AI_METRICS = [METRICS.tokenUsage, METRICS.genAiDuration, METRICS.timeToFirstToken, METRICS.timePerOutputToken] as const;

/** Where labels of headers stand: behind those that all four have. */
export const HEADERS_FROM = GEN_AI.length;

/**
 * Names that no metric of ours may take: of MCP, and not served. The first three are the reference's, as its exporter writes them (the first has
 * its unit wrong there); the others are of the OpenTelemetry MCP conventions.
 */
export const RESERVED = [
  'mcp_initialization_duration_token',
  'mcp_capabilities_negotiated_total',
  'mcp_progress_notifications_total',
  'mcp_client_session_duration_seconds',
  'mcp_server_session_duration_seconds',
] as const;
