import { OBJECTIVES } from '../alerts/slo.ts';
import { FAST_FIRST_TOKEN_S, FAULTS } from '../prometheus/recording.ts';
import { type Dashboard, NAMESPACE, type Variable } from './dashboard.ts';
import { alertStep, area, lines, of, percentiles, quantile, rate, shareOf, stat, top, WITH_TIER } from './parts.ts';

export const DURATION = 'gen_ai_server_request_duration_seconds';
export const TTFT = 'gen_ai_server_time_to_first_token_seconds';
export const TPOT = 'gen_ai_server_time_per_output_token_seconds';

export const MODEL: Variable = { name: 'model', title: 'Model', metric: `${DURATION}_count`, label: 'gen_ai_original_model' };
export const PROVIDER: Variable = { name: 'provider', title: 'Provider', metric: `${DURATION}_count`, label: 'gen_ai_provider_name' };
const OPERATION: Variable = { name: 'operation', title: 'Operation', metric: `${DURATION}_count`, label: 'gen_ai_operation_name' };

const CHOSEN = 'gen_ai_original_model=~"$model", gen_ai_provider_name=~"$provider", gen_ai_operation_name=~"$operation"';
export const FAULT = `error_type=~"${FAULTS.join('|')}"`;
const FAULT_STEPS = [
  { at: OBJECTIVES.errors, color: 'yellow' },
  { at: 14.4 * OBJECTIVES.errors, color: 'red' },
] as const;
const FIRST_TOKEN_STEPS = [{ at: FAST_FIRST_TOKEN_S, color: 'yellow' }, alertStep('TierkitFirstTokenSlow')] as const;

export const OVERVIEW: Dashboard = {
  uid: 'tierkit-overview',
  title: 'Tierkit / Overview',
  description: 'Both tiers at a glance: rate, errors and duration. Everything else is behind the menu of dashboards.',
  variables: [NAMESPACE, MODEL, PROVIDER, OPERATION],
  rows: [
    {
      title: 'Now',
      panels: [
        stat({ title: 'Model calls', description: 'Requests a second to the model APIs of tier one.' }, 'reqps', {
          expr: rate(`${DURATION}_count`, [], CHOSEN),
        }),
        stat(
          {
            title: 'Faults',
            description:
              'Share of all requests that failed through the gateway or a backend. Mistakes of clients and their limits do not count. 0.1 % may.',
          },
          'percentunit',
          { expr: shareOf('tierkit_requests_total', FAULT, ['tier']), legend: 'tier {{tier}}' },
          { steps: FAULT_STEPS, alerts: ['TierkitErrorBurnFast', 'TierkitErrorBurnMedium'] },
        ),
        stat(
          {
            title: 'First token, p95',
            description: 'Of streams, from the head of the request to the first event with content; 95 % are faster.',
          },
          's',
          { expr: quantile(0.95, TTFT, [], CHOSEN) },
          { steps: FIRST_TOKEN_STEPS, alerts: ['TierkitFirstTokenSlow'] },
        ),
        stat(
          { title: 'Alerts that fire', description: 'Ours alone. The dashboard of objectives lists them.' },
          'short',
          { expr: 'count(ALERTS{alertname=~"Tierkit.*", alertstate="firing"}) or vector(0)' },
          { steps: [{ at: 1, color: 'red' }] },
        ),
      ],
    },
    {
      title: 'Both tiers',
      panels: [
        area(
          {
            title: 'Requests',
            description: 'All that either tier answered. A call of a model of your own passes both, and is counted in each.',
          },
          'reqps',
          { expr: rate('tierkit_requests_total', ['tier']), legend: 'tier {{tier}}' },
        ),
        lines(
          {
            title: 'Faults',
            description:
              'Share of the requests of each tier that failed through it or what is behind it. Tier two alone: pods. Tier one alone: providers.',
          },
          'percentunit',
          [{ expr: shareOf('tierkit_requests_total', FAULT, ['tier']), legend: 'tier {{tier}}' }],
          { steps: FAULT_STEPS },
        ),
        lines(
          {
            title: 'Duration, p95',
            description: 'From the head of a request to the last byte of its answer. Streams are as long as their answers.',
          },
          's',
          [{ expr: quantile(0.95, 'tierkit_request_duration_seconds', ['tier']), legend: 'tier {{tier}}' }],
        ),
        lines(
          {
            title: 'Overhead of the gateways, p99',
            description: 'What a tier itself took of a request, without backends and queues. 10 ms is the target.',
          },
          's',
          [{ expr: quantile(0.99, 'tierkit_gateway_overhead_seconds', ['tier']), legend: 'tier {{tier}}' }],
          { steps: [alertStep('TierkitOverheadHigh')], alerts: ['TierkitOverheadHigh'] },
        ),
        lines({ title: 'In flight', description: 'Requests that are being answered, open streams among them.' }, 'short', [
          { expr: `sum by (tier) (${of('tierkit_requests_in_flight')} ${WITH_TIER})`, legend: 'tier {{tier}}' },
        ]),
        lines(
          { title: 'Processes that are reached', description: 'Gateways that Prometheus can scrape. A fall means a crash, or a roll-out.' },
          'short',
          [{ expr: `sum by (job) (${of('up', 'job=~"tierkit.*"')})`, legend: '{{job}}' }],
          { alerts: ['TierkitDown', 'TierkitTierGone', 'TierkitAbsent'] },
        ),
      ],
    },
    {
      title: 'Model calls at tier one',
      panels: [
        area({ title: 'By model', description: 'The models that clients asked for; the busiest.' }, 'reqps', {
          expr: top(rate(`${DURATION}_count`, ['gen_ai_original_model'], CHOSEN)),
          legend: '{{gen_ai_original_model}}',
        }),
        area({ title: 'By provider', description: 'Who answered in the end, after fallback.' }, 'reqps', {
          expr: rate(`${DURATION}_count`, ['gen_ai_provider_name'], CHOSEN),
          legend: '{{gen_ai_provider_name}}',
        }),
        area(
          {
            title: 'Failures by class',
            description: 'Everything that clients did not get, their own mistakes included. docs/metrics.md explains the classes.',
          },
          'reqps',
          { expr: rate(`${DURATION}_count`, ['error_type'], `${CHOSEN}, error_type!=""`), legend: '{{error_type}}' },
        ),
        lines(
          { title: 'Failures by model', description: 'Share of the calls of a model that failed in any way; the worst.' },
          'percentunit',
          [
            {
              expr: top(shareOf(`${DURATION}_count`, 'error_type!=""', ['gen_ai_original_model'], CHOSEN)),
              legend: '{{gen_ai_original_model}}',
            },
          ],
        ),
        lines(
          { title: 'Duration', description: 'From the head of a request to the last byte of its answer, all attempts included.' },
          's',
          percentiles(DURATION, CHOSEN),
        ),
        lines({ title: 'First token', description: 'Of streams, to the first event with content.' }, 's', percentiles(TTFT, CHOSEN), {
          steps: FIRST_TOKEN_STEPS,
          alerts: ['TierkitFirstTokenBurnFast', 'TierkitFirstTokenSlow'],
        }),
        lines(
          {
            title: 'Goodput',
            description: `Calls that were answered whole, and streams whose first token came within ${FAST_FIRST_TOKEN_S} s, beside all calls: the gap is what users notice.`,
          },
          'reqps',
          [
            { expr: rate(`${DURATION}_count`, [], CHOSEN), legend: 'all' },
            { expr: rate(`${DURATION}_count`, [], `${CHOSEN}, error_type=""`), legend: 'answered whole' },
            { expr: rate(`${TTFT}_bucket`, [], `${CHOSEN}, le="${FAST_FIRST_TOKEN_S}"`), legend: 'streams that begin in time' },
          ],
        ),
        area({ title: 'By operation', description: 'Which API is used.' }, 'reqps', {
          expr: rate(`${DURATION}_count`, ['gen_ai_operation_name'], CHOSEN),
          legend: '{{gen_ai_operation_name}}',
        }),
      ],
    },
  ],
};
