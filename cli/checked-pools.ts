import type { Pools } from '#core/route/scope';

import { externalPickerOf, type ReportPool } from '../tier2-gateway/pick/external-reference.ts';
import { ENDPOINTS_FILE, readAnnotations } from '../tier2-gateway/pools/annotations.ts';

/** InferencePools as tier two checks them: nothing of them is looked for, scraped or called. */
export const CHECKED_POOLS: Pools = {
  alone: false,
  begin: () => undefined,
  serve(pool, scope) {
    const report: ReportPool = (path, message, reason) => scope.report(pool, path, message, reason);
    if (readAnnotations(pool, report)?.type === 'file')
      report(`metadata.annotations[${ENDPOINTS_FILE}]`, 'names a file of the process, which resources of a cluster may not');
    externalPickerOf(pool, report, scope);
    return undefined;
  },
  commit: () => undefined,
  rollback: () => undefined,
  close: () => Promise.resolve(),
};
