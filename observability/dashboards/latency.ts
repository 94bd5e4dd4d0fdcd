import { type Dashboard, NAMESPACE } from './dashboard.ts';
import { MODEL, PROVIDER, TPOT, TTFT } from './overview.ts';
import { alertStep, bars, heatmap, lines, mean, quantile, rate, top } from './parts.ts';

const CHOSEN = 'gen_ai_original_model=~"$model", gen_ai_provider_name=~"$provider"';

export const LATENCY_DASHBOARD: Dashboard = {
  uid: 'tierkit-latency',
  title: 'Tierkit / Anatomy of latency',
  description:
    'What users wait for, and where the time goes: gateway, queue, choice of a pod, provider, engine. Points on the heatmaps are traced requests.',
  variables: [NAMESPACE, MODEL, PROVIDER],
  rows: [
    {
      title: 'As the client sees it',
      panels: [
        heatmap(
          {
            title: 'First token',
            description: 'Streams by time to their first event with content. Two bands are often two models, or cache hits and misses.',
          },
          TTFT,
          CHOSEN,
        ),
        heatmap(
          {
            title: 'Time per output token',
            description: 'Whole streams by their pace after the first token. Below 100 ms it reads fluently.',
          },
          TPOT,
          CHOSEN,
        ),
        lines(
          { title: 'First token by model, p95', description: 'The slowest models. 5 s is the target.' },
          's',
          [{ expr: top(quantile(0.95, TTFT, ['gen_ai_original_model'], CHOSEN)), legend: '{{gen_ai_original_model}}' }],
          { steps: [alertStep('TierkitFirstTokenSlow')], alerts: ['TierkitFirstTokenSlow'] },
        ),
        lines(
          { title: 'Time per output token by model, p95', description: 'The slowest models. 200 ms is the target.' },
          's',
          [{ expr: top(quantile(0.95, TPOT, ['gen_ai_original_model'], CHOSEN)), legend: '{{gen_ai_original_model}}' }],
          { steps: [alertStep('TierkitTokensSlow')], alerts: ['TierkitTokensSlow'] },
        ),
      ],
    },
    {
      title: 'Where it goes',
      panels: [
        lines(
          {
            title: 'Parts of a request, mean',
            description:
              'What each station takes on the way to a first token. They do not add up to one request: not every request passes all of them.',
          },
          's',
          [
            { expr: mean('tierkit_gateway_overhead_seconds', ['tier']), legend: 'gateway, tier {{tier}}' },
            { expr: mean('llm_d_epp_flow_control_request_queue_duration_seconds'), legend: 'queue of the pools' },
            { expr: mean('llm_d_epp_scheduler_e2e_duration_seconds'), legend: 'choice of a pod' },
            { expr: mean('tierkit_upstream_time_to_first_token_seconds', ['tier']), legend: 'behind tier {{tier}}, to its first token' },
          ],
          { width: 24 },
        ),
        lines(
          { title: 'The gateways themselves, p99', description: 'Without backends and queues. 10 ms is the target.' },
          's',
          [{ expr: quantile(0.99, 'tierkit_gateway_overhead_seconds', ['job']), legend: '{{job}}' }],
          { steps: [alertStep('TierkitOverheadHigh')], alerts: ['TierkitOverheadHigh'] },
        ),
        lines(
          { title: 'Backends: first token, p95', description: 'From the sending of an attempt to its first event with content.' },
          's',
          [
            {
              expr: quantile(0.95, 'tierkit_upstream_time_to_first_token_seconds', ['tier', 'backend']),
              legend: 'tier {{tier}}: {{backend}}',
            },
          ],
        ),
        lines({ title: 'Queue of a pool, p95', description: 'Time that requests waited for their turn; higher priorities first.' }, 's', [
          {
            expr: quantile(0.95, 'llm_d_epp_flow_control_request_queue_duration_seconds', ['inference_pool', 'priority']),
            legend: '{{inference_pool}}, priority {{priority}}',
          },
        ]),
        lines({ title: 'Choice of a pod, p99', description: 'The picker alone, without the queue.' }, 's', [
          { expr: quantile(0.99, 'llm_d_epp_scheduler_e2e_duration_seconds', ['inference_pool']), legend: '{{inference_pool}}' },
        ]),
        lines(
          { title: 'Attempts, mean', description: 'From the sending of an attempt to its end: with streams, the length of answers.' },
          's',
          [{ expr: mean('tierkit_attempt_duration_seconds', ['tier', 'backend']), legend: 'tier {{tier}}: {{backend}}' }],
        ),
        lines(
          {
            title: 'Engines: token to token, p95',
            description: 'As the model servers say: what the gateways add nothing to. High where batches are large or caches full.',
          },
          's',
          [{ expr: quantile(0.95, 'vllm:inter_token_latency_seconds', ['model_name']), legend: '{{model_name}}' }],
        ),
        bars(
          { title: 'Requests by operation', description: 'What is asked of each tier: long operations make long percentiles.' },
          'reqps',
          { expr: rate('tierkit_request_duration_seconds_count', ['tier', 'operation']), legend: 'tier {{tier}}: {{operation}}' },
        ),
      ],
    },
  ],
};
