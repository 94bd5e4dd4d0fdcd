import { type Cost, Unpriced } from '#core/money/cost';

import type { Settled } from './admit/admission.ts';
import type { RowReceipt } from './ledger/row.ts';

/** What a request, or the call of a tool, came to. */
interface CameTo extends Pick<Settled, 'costs' | 'budgets'> {
  readonly cost: Pick<Cost, 'nanos' | 'currency'> | Unpriced | undefined;
}

/** Fields of the access log that tell what a request came to. */
export function moneyFields({ cost, costs, budgets }: CameTo): Readonly<Record<string, unknown>> {
  return {
    ...costs,
    ...(cost === undefined
      ? {}
      : cost instanceof Unpriced
        ? { unpriced: cost.reason }
        : { cost_nanos: cost.nanos, cost_currency: cost.currency }),
    ...(budgets.length === 0 ? {} : { budgets: budgets.map(({ id }) => id) }),
  };
}

/** What the ledger keeps of tier two's receipt. @param fields of the access log */
export function rowReceipt(fields: Readonly<Record<string, unknown>> | undefined): RowReceipt | undefined {
  if (fields === undefined) return undefined;
  return {
    result: fields['tier_two_receipt'] as RowReceipt['result'],
    input: fields['tier_two_tokens_input'] as number | undefined,
    output: fields['tier_two_tokens_output'] as number | undefined,
  };
}
