import type { Money } from '../money/money.ts';
import type { TraceRules } from '../telemetry/trace/shown.ts';
import type { PortTable } from '../route/ports.ts';

/** A configuration that is served: look-up tables, frozen. */
export interface Snapshot {
  /** Counts the configurations that were taken into service, from 1. */
  readonly generation: number;
  /** Hash of the texts that it was made from. */
  readonly hash: string;
  readonly ports: readonly PortTable[];
  readonly notices: readonly string[];
  /** What is paid, and what may be spent. */
  readonly money: Money;
  /** Whose content traces tell. */
  readonly traceRules: TraceRules;
  readonly loadedAt: number;
}
