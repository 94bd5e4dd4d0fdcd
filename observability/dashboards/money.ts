import { type Dashboard, NAMESPACE } from './dashboard.ts';
import { alertStep, area, bars, growth, lines, of, rate, shareOf, stat, table, top } from './parts.ts';

const TOKENS = 'gen_ai_client_token_usage_sum';
const MODEL = 'gen_ai_original_model=~"$model"';
const BACKEND = 'backend=~"$backend"';
const CLIENT = 'client_id=~"$client"';

export const COST: Dashboard = {
  uid: 'tierkit-cost',
  title: 'Tierkit / Tokens and cost',
  description:
    'What is spent, by whom and on what. In whole units of the currency, by the PriceTable that was in service at the time; the ledger is what bills go by.',
  variables: [
    NAMESPACE,
    { name: 'model', title: 'Model', metric: TOKENS, label: 'gen_ai_original_model' },
    { name: 'backend', title: 'Backend', metric: 'tierkit_cost_total', label: 'backend' },
    { name: 'client', title: 'Client', metric: 'tierkit_client_requests_total', label: 'client_id' },
  ],
  rows: [
    {
      title: 'Money',
      panels: [
        stat(
          { title: 'An hour, at this pace', description: 'Mean of the last hour, of everything that this Prometheus scrapes.' },
          'short',
          { expr: 'tierkit:cost:rate1h * 3600', legend: '{{currency}}' },
          { alerts: ['TierkitSpendJump'] },
        ),
        stat({ title: 'Last day', description: 'Cost of the last 24 hours at the chosen backends.' }, 'short', {
          expr: growth('tierkit_cost_total', '1d', ['currency'], BACKEND),
          legend: '{{currency}}',
        }),
        stat(
          { title: 'Beside the mean of a week', description: '1: an hour like others. The alert fires from 3 on.' },
          'short',
          { expr: 'tierkit:cost:rate1h / (avg_over_time(tierkit:cost:rate1h[7d]) > 0)', legend: '{{currency}}' },
          { steps: [{ at: 2, color: 'yellow' }, alertStep('TierkitSpendJump')], alerts: ['TierkitSpendJump'] },
        ),
        stat(
          {
            title: 'Requests without a price, last day',
            description: 'They used tokens, and no budget of money counted them: add the model to the PriceTable.',
          },
          'short',
          { expr: growth('tierkit_unpriced_requests_total', '1d', [], BACKEND) },
          { steps: [{ at: 1, color: 'yellow' }], alerts: ['TierkitRequestsUnpriced'] },
        ),
        area({ title: 'Cost by model, an hour', description: 'By the model that the backend was asked for; the dearest.' }, 'short', {
          expr: top(`${rate('tierkit_cost_total', ['currency', 'model'], BACKEND)} * 3600`),
          legend: '{{model}} {{currency}}',
        }),
        area({ title: 'Cost by backend, an hour', description: 'Who is paid.' }, 'short', {
          expr: `${rate('tierkit_cost_total', ['currency', 'backend'], BACKEND)} * 3600`,
          legend: '{{backend}} {{currency}}',
        }),
        bars({ title: 'Who spends most, last day', description: 'The ten dearest of the chosen clients.' }, 'short', {
          expr: top(growth('tierkit_client_cost_total', '1d', ['currency', 'client_id'], CLIENT), 10),
          legend: '{{client_id}} {{currency}}',
        }),
        lines(
          { title: 'Requests without a price', description: 'By backend: a model that was added there, and not to the PriceTable.' },
          'reqps',
          [{ expr: rate('tierkit_unpriced_requests_total', ['backend'], BACKEND), legend: '{{backend}}' }],
          { alerts: ['TierkitRequestsUnpriced'] },
        ),
      ],
    },
    {
      title: 'Tokens',
      panels: [
        lines(
          {
            title: 'By type',
            description: 'Cached tokens are part of the input, and reasoning of the output: only input and output add up.',
          },
          'suffix: tok/s',
          [{ expr: rate(TOKENS, ['gen_ai_token_type'], MODEL), legend: '{{gen_ai_token_type}}' }],
          { alerts: ['TierkitTokenJump'] },
        ),
        area({ title: 'By model', description: 'Input and output; the models with most.' }, 'suffix: tok/s', {
          expr: top(rate(TOKENS, ['gen_ai_original_model'], `${MODEL}, gen_ai_token_type=~"input|output"`)),
          legend: '{{gen_ai_original_model}}',
        }),
        area({ title: 'By client', description: 'Input and output; the clients with most.' }, 'suffix: tok/s', {
          expr: top(rate('tierkit_client_tokens_total', ['client_id'], CLIENT)),
          legend: '{{client_id}}',
        }),
        lines(
          {
            title: 'Share of the prompt that was cached',
            description: 'What providers charge less for. It falls where prompts no longer begin alike.',
          },
          'percentunit',
          [
            {
              expr: `${rate(TOKENS, [], `${MODEL}, gen_ai_token_type="cached_input"`)} / (${rate(TOKENS, [], `${MODEL}, gen_ai_token_type="input"`)} > 0)`,
              legend: 'cached',
            },
          ],
        ),
        lines(
          {
            title: 'Counts that no backend reported',
            description:
              'Share of the calls whose tokens the gateway counted or estimated itself, or could not have: broken streams, silent providers.',
          },
          'percentunit',
          [{ expr: shareOf('tierkit_usage_source_total', 'source!="reported"', ['tier']), legend: 'tier {{tier}}' }],
        ),
        bars(
          {
            title: 'Receipts of tier two',
            description: 'ok: they agree with the answer. mismatch and invalid are alarming; missing is an older tier two.',
          },
          'ops',
          { expr: rate('tierkit_tier_two_receipts_total', ['result']), legend: '{{result}}' },
          { alerts: ['TierkitReceiptsDiffer'] },
        ),
      ],
    },
  ],
};

const RULE = 'rule=~"$rule"';
const LIMIT = `${RULE}, rule!~"Budget .*"`;

export const LIMITS: Dashboard = {
  uid: 'tierkit-limits',
  title: 'Tierkit / Limits and budgets',
  description: 'What limits, quotas and budgets decide, whom they turn away, and what is left of them.',
  variables: [NAMESPACE, { name: 'rule', title: 'Rule', metric: 'tierkit_admission_decisions_total', label: 'rule' }],
  rows: [
    {
      title: 'Decisions',
      panels: [
        area(
          {
            title: 'By decision',
            description: 'A request is asked about by each rule that applies to it. shadow: it would have been refused.',
          },
          'ops',
          { expr: rate('tierkit_admission_decisions_total', ['decision'], RULE), legend: '{{decision}}' },
        ),
        lines(
          {
            title: 'Share refused by rule',
            description: 'Of what each rule is asked. Above a tenth for long, the limit is too small, or a client runs wild.',
          },
          'percentunit',
          [
            {
              expr: shareOf('tierkit_admission_decisions_total', 'decision="refused"', ['kind', 'rule'], RULE),
              legend: '{{kind}}: {{rule}}',
            },
          ],
          { steps: [alertStep('TierkitClientLimited')], alerts: ['TierkitClientLimited'] },
        ),
        lines(
          { title: 'Would refuse (shadow)', description: 'Rules in shadow mode: what they would turn away, were they in force.' },
          'ops',
          [
            {
              expr: rate('tierkit_admission_decisions_total', ['kind', 'rule'], `${RULE}, decision="shadow"`),
              legend: '{{kind}}: {{rule}}',
              mayBeEmpty: true,
            },
          ],
        ),
        bars(
          {
            title: 'Clients whose requests fail',
            description: 'By class; the ten with most. What limits refuse before a backend is asked is counted by rule, not by client.',
          },
          'reqps',
          {
            expr: top(rate('tierkit_client_requests_total', ['client_id', 'error_type'], 'error_type!=""'), 10),
            legend: '{{client_id}}: {{error_type}}',
          },
        ),
        lines(
          {
            title: 'Nearest to their limits',
            description:
              'Used share of the limits and quotas that requests lately went to, by whose count it is. At 100 % further requests are refused.',
          },
          'percentunit',
          [
            {
              expr: top(`max by (rule, subject, unit) (${of('tierkit_budget_used', LIMIT)} / (${of('tierkit_budget_limit', LIMIT)} > 0))`),
              legend: '{{rule}} {{subject}} {{unit}}',
            },
          ],
          { steps: [{ at: 1, color: 'red' }], alerts: ['TierkitClientThrottled'] },
        ),
        lines(
          {
            title: 'Set aside and used',
            description:
              'Requests set their estimate aside before they run; what they did not use is given back. A wide gap keeps others out: lower max_tokens.',
          },
          'short',
          [
            { expr: rate('tierkit_admission_reserved_total', ['rule', 'unit'], RULE), legend: 'set aside: {{rule}} {{unit}}' },
            { expr: rate('tierkit_admission_settled_total', ['rule', 'unit'], RULE), legend: 'used: {{rule}} {{unit}}' },
          ],
        ),
      ],
    },
    {
      title: 'Budgets',
      panels: [
        bars(
          { title: 'Used', description: 'Share of each budget that is used in its window; the fullest. From 80 % on there is an alert.' },
          'percentunit',
          { expr: top(`tierkit:budget_used:ratio{${RULE}}`), legend: '{{rule}} {{subject}}' },
          {
            steps: [alertStep('TierkitBudgetNearlyUsed', 'yellow'), alertStep('TierkitBudgetUsedUp')],
            alerts: ['TierkitBudgetNearlyUsed', 'TierkitBudgetUsedUp'],
          },
        ),
        table(
          {
            title: 'Least left',
            description:
              'Limits and budgets that requests lately went to, in their unit; what requests under way have set aside is not left.',
          },
          'short',
          { expr: `bottomk(50, min by (rule, subject, unit) (${of('tierkit_budget_remaining', RULE)}))` },
        ),
        lines(
          {
            title: 'Left after a day at this pace',
            description: 'By the last six hours. Below zero, the budget ends within a day; the first to end.',
          },
          'short',
          [
            {
              expr: `bottomk(15, min by (rule, subject, unit) (predict_linear(${of('tierkit_budget_remaining', `${RULE}, rule=~"Budget .*"`)}[6h], 86400)))`,
              legend: '{{rule}} {{subject}} {{unit}}',
            },
          ],
          { base: 'red', steps: [{ at: 0, color: 'green' }], alerts: ['TierkitBudgetEndsSoon'] },
        ),
        lines(
          { title: 'Ledger', description: 'Rows a second. Lost ones are missing in every bill.' },
          'ops',
          [{ expr: rate('tierkit_ledger_rows_total', ['result']), legend: '{{result}}' }],
          { alerts: ['TierkitLedgerLosesRows'] },
        ),
        stat(
          {
            title: 'Counts that could not be read, last hour',
            description: 'Scrapes at which the store of the counts (Redis) did not answer: limits go on as their failure mode says.',
          },
          'short',
          { expr: growth('tierkit_budget_reads_failed_total', '1h') },
          { width: 12, steps: [{ at: 1, color: 'red' }], alerts: ['TierkitCountsUnreadable'] },
        ),
      ],
    },
  ],
};
