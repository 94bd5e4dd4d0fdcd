import type { Alert, AlertGroup } from './alert.ts';
import { BACKENDS } from './backends.ts';
import { MONEY } from './money.ts';
import { POOLS } from './pools.ts';
import { PROCESS } from './process.ts';
import { LATENCY, SLO } from './slo.ts';

/** Every alert, in groups as Prometheus evaluates them. */
export const ALERTS: readonly AlertGroup[] = [SLO, LATENCY, BACKENDS, MONEY, POOLS, PROCESS];

export const allAlerts = (): Alert[] => ALERTS.flatMap(({ alerts }) => alerts);
