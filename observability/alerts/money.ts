import { type Alert, type AlertGroup, share } from './alert.ts';

function budget(name: string, than: number, severity: Alert['severity']): Alert {
  return {
    name,
    conditions: [{ value: 'tierkit:budget_used:ratio', is: '>=', than }],
    for: '1m',
    severity,
    summary: than === 1 ? 'A budget is used up' : `${than * 100} % of a budget are used`,
    description: '{{ $labels.rule }}, {{ $labels.subject }}: {{ $value | humanizePercentage }} are used.',
  };
}

export const MONEY: AlertGroup = {
  name: 'tierkit-money',
  alerts: [
    budget('TierkitBudgetNearlyUsed', 0.8, 'ticket'),
    budget('TierkitBudgetUsedUp', 1, 'page'),
    {
      name: 'TierkitBudgetEndsSoon',
      conditions: [
        {
          value: 'min by (rule, subject, unit) (predict_linear(tierkit_budget_remaining{rule=~"Budget .*"}[6h], 24 * 3600))',
          is: '<',
          than: 0,
        },
        // Of a budget that is used up, another alert tells.
        { value: 'min by (rule, subject, unit) (tierkit_budget_remaining{rule=~"Budget .*"})', is: '>', than: 0 },
      ],
      for: '30m',
      severity: 'ticket',
      summary: 'A budget ends within a day',
      description: 'At the pace of the last six hours {{ $labels.rule }}, {{ $labels.subject }}, is used up within a day.',
    },
    {
      name: 'TierkitSpendJump',
      conditions: [
        // Of what was recorded: a rate over seven days is too low where there are only two.
        { value: 'tierkit:cost:rate1h / (avg_over_time(tierkit:cost:rate1h[7d]) > 0)', is: '>', than: 3 },
        // A jump from nothing to little is none: a unit of the currency an hour.
        { value: 'tierkit:cost:rate1h * 3600', is: '>', than: 1 },
      ],
      for: '15m',
      severity: 'ticket',
      summary: 'Spending has jumped',
      description: 'The last hour costs more than three times the mean of the week, in {{ $labels.currency }}.',
    },
    {
      // Tokens have no price everywhere; a client that runs wild uses them all the same.
      name: 'TierkitTokenJump',
      conditions: [
        { value: 'tierkit:tokens:rate1h / (avg_over_time(tierkit:tokens:rate1h[7d]) > 0)', is: '>', than: 3 },
        { value: 'tierkit:tokens:rate1h', is: '>', than: 100 },
      ],
      for: '15m',
      severity: 'ticket',
      summary: 'Many more tokens are used than before',
      description: 'Of {{ $labels.gen_ai_token_type }} tokens the last hour had more than three times the mean of the week.',
    },
    {
      name: 'TierkitRequestsUnpriced',
      conditions: [{ value: 'sum by (backend) (increase(tierkit_unpriced_requests_total[1h]))', is: '>', than: 0 }],
      for: '5m',
      severity: 'ticket',
      summary: 'Tokens are used that have no price',
      description:
        '{{ $value | humanize }} requests of the last hour to {{ $labels.backend }} have no price: no budget of money counts them.',
    },
    {
      name: 'TierkitClientLimited',
      conditions: [
        {
          value: share(
            'sum by (rule) (rate(tierkit_admission_decisions_total{decision="refused"}[10m]))',
            'sum by (rule) (rate(tierkit_admission_decisions_total[10m]))',
          ),
          is: '>',
          than: 0.1,
        },
      ],
      for: '15m',
      severity: 'ticket',
      summary: 'A limit refuses many requests',
      description: '{{ $labels.rule }} refuses {{ $value | humanizePercentage }} of what it is asked.',
    },
    {
      // Refusals are counted by rule, not by client: that nothing is left of its share of a limit tells of the client.
      name: 'TierkitClientThrottled',
      conditions: [
        {
          value: 'max by (rule, subject) (avg_over_time((tierkit_budget_remaining{rule!~"Budget .*"} <= bool 0)[30m:1m]))',
          is: '>',
          than: 0.5,
        },
      ],
      for: '15m',
      severity: 'ticket',
      summary: 'A client is at its limit most of the time',
      description:
        'Of {{ $labels.rule }} nothing was left to "{{ $labels.subject }}" in {{ $value | humanizePercentage }} of the last half hour.',
    },
    {
      name: 'TierkitCountsUnreadable',
      conditions: [{ value: 'sum by (job, instance) (increase(tierkit_budget_reads_failed_total[10m]))', is: '>', than: 0 }],
      for: '5m',
      severity: 'page',
      summary: 'The counts of limits and budgets cannot be read',
      description: '{{ $labels.instance }} does not reach the store of the counts: limits go on as their failure mode says.',
    },
    {
      name: 'TierkitLedgerLosesRows',
      conditions: [{ value: 'sum by (job, instance) (increase(tierkit_ledger_rows_total{result="lost"}[10m]))', is: '>', than: 0 }],
      for: '0m',
      severity: 'page',
      summary: 'Rows of the ledger are lost',
      description: '{{ $labels.instance }} could not keep {{ $value | humanize }} rows of the ledger: the bill will be too small.',
    },
    {
      name: 'TierkitReceiptsDiffer',
      conditions: [{ value: 'sum(increase(tierkit_tier_two_receipts_total{result=~"mismatch|invalid"}[30m]))', is: '>', than: 0 }],
      for: '0m',
      severity: 'ticket',
      summary: 'Receipts of tier two do not hold',
      description:
        '{{ $value | humanize }} usage receipts of the last half hour differ from their answers, or are not signed by a known key.',
    },
  ],
};
