import { PROVIDERS } from './backends.ts';
import type { Dashboard } from './dashboard.ts';
import { LATENCY_DASHBOARD } from './latency.ts';
import { COST, LIMITS } from './money.ts';
import { OVERVIEW } from './overview.ts';
import { POOLS_DASHBOARD } from './pools.ts';
import { RUNTIME } from './process.ts';
import { SLO_DASHBOARD } from './slo.ts';

/** Every dashboard. That of MCP comes with the MCP gateway. */
export const DASHBOARDS: readonly Dashboard[] = [
  OVERVIEW,
  SLO_DASHBOARD,
  LATENCY_DASHBOARD,
  COST,
  LIMITS,
  PROVIDERS,
  POOLS_DASHBOARD,
  RUNTIME,
];
