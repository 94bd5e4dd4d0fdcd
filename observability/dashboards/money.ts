import type { Dashboard } from './dashboard.ts';
import { area, bars, lines, rate, shareOf, stat, table } from './parts.ts';

const TOKENS = 'gen_ai_client_token_usage_sum';

export const COST: Dashboard = {
  uid: 'tierkit-cost',
  title: 'Tierkit / Tokens and cost',
  rows: [
    {
      title: 'Money',
      panels: [
        stat('Cost of an hour', 'none', 'tierkit:cost:rate1h * 3600'),
        stat('Cost of the last day', 'none', 'sum by (currency) (increase(tierkit_cost_total[1d]))'),
        area('Cost by model, an hour', 'none', `${rate('tierkit_cost_total', ['currency', 'model'])} * 3600`, '{{model}} {{currency}}'),
        area(
          'Cost by backend, an hour',
          'none',
          `${rate('tierkit_cost_total', ['currency', 'backend'])} * 3600`,
          '{{backend}} {{currency}}',
        ),
        bars(
          'Who spends most, last day',
          'none',
          'topk(10, sum by (currency, client_id) (increase(tierkit_client_cost_total[1d])))',
          '{{client_id}} {{currency}}',
        ),
        lines('Requests without a price', 'reqps', rate('tierkit_unpriced_requests_total', ['backend']), '{{backend}}'),
      ],
    },
    {
      title: 'Tokens',
      panels: [
        area('By type', 'ops', rate(TOKENS, ['gen_ai_token_type']), '{{gen_ai_token_type}}'),
        area('By model', 'ops', rate(TOKENS, ['gen_ai_original_model'], 'gen_ai_token_type=~"input|output"'), '{{gen_ai_original_model}}'),
        area('By client', 'ops', rate('tierkit_client_tokens_total', ['client_id']), '{{client_id}}'),
        lines(
          'Share of the prompt that was cached',
          'percentunit',
          `${rate(TOKENS, [], 'gen_ai_token_type="cached_input"')} / (${rate(TOKENS, [], 'gen_ai_token_type="input"')} > 0)`,
        ),
        lines('What counts come from', 'percentunit', shareOf('tierkit_usage_source_total', 'source!="reported"')),
        bars('Receipts of tier two', 'ops', rate('tierkit_tier_two_receipts_total', ['result']), '{{result}}'),
      ],
    },
  ],
};

export const LIMITS: Dashboard = {
  uid: 'tierkit-limits',
  title: 'Tierkit / Limits and budgets',
  rows: [
    {
      title: 'Decisions',
      panels: [
        area('By decision', 'ops', rate('tierkit_admission_decisions_total', ['decision']), '{{decision}}'),
        lines(
          'Refused by rule',
          'ops',
          rate('tierkit_admission_decisions_total', ['kind', 'rule'], 'decision="refused"'),
          '{{kind}}: {{rule}}',
        ),
        lines(
          'Would refuse (shadow)',
          'ops',
          rate('tierkit_admission_decisions_total', ['kind', 'rule'], 'decision="shadow"'),
          '{{kind}}: {{rule}}',
        ),
        bars(
          'Clients that are refused',
          'ops',
          `topk(10, ${rate('tierkit_client_requests_total', ['client_id', 'error_type'], 'error_type!=""')})`,
          '{{client_id}} {{error_type}}',
        ),
      ],
    },
    {
      title: 'Budgets',
      panels: [
        bars('Used', 'percentunit', 'tierkit:budget_used:ratio', '{{rule}} {{subject}}'),
        table('Left', 'none', 'min by (rule, subject, unit) (tierkit_budget_remaining)'),
        lines(
          'Left after a day at this pace',
          'none',
          'min by (rule, subject, unit) (predict_linear(tierkit_budget_remaining{rule=~"Budget .*"}[6h], 86400))',
          '{{rule}} {{subject}} {{unit}}',
        ),
        lines('Set aside and used', 'none', [
          { expr: rate('tierkit_admission_reserved_total', ['rule', 'unit']), legend: 'set aside: {{rule}} {{unit}}' },
          { expr: rate('tierkit_admission_settled_total', ['rule', 'unit']), legend: 'used: {{rule}} {{unit}}' },
        ]),
        lines('Ledger', 'ops', rate('tierkit_ledger_rows_total', ['result']), '{{result}}'),
        stat('Counts that could not be read, last hour', 'none', 'sum(increase(tierkit_budget_reads_failed_total[1h]))'),
      ],
    },
  ],
};
