import type { Pools } from '#core/route/scope';

import { checkedAnnotations } from '../tier2-gateway/pick/check-annotations.ts';
import { externalPickerOf, type ReportPool } from '../tier2-gateway/pick/external-reference.ts';

/** InferencePools as tier two checks them: nothing of them is looked for, scraped or called. */
export const CHECKED_POOLS: Pools = {
  alone: false,
  begin: () => undefined,
  serve(pool, scope) {
    const report: ReportPool = (path, message, reason) => scope.report(pool, path, message, reason);
    checkedAnnotations(pool, scope, report);
    externalPickerOf(pool, report, scope);
    return undefined;
  },
  commit: () => undefined,
  rollback: () => undefined,
  close: () => Promise.resolve(),
};
