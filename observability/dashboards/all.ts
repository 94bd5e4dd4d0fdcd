import { PROVIDERS } from './backends.ts';
import type { Dashboard } from './dashboard.ts';
import { COST, LIMITS } from './money.ts';
import { POOLS_DASHBOARD } from './pools.ts';
import { RUNTIME } from './process.ts';
import { LATENCY_DASHBOARD, OVERVIEW, SLO_DASHBOARD } from './requests.ts';

/** Every dashboard. */
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
