export type MetricType = 'counter' | 'gauge' | 'histogram';

/** Which process has a metric: tier one, tier two, or the endpoint picker that runs alone. */
export type TierName = 'one' | 'two' | 'epp';
/** The same, and the controller that runs alone, which is of no tier. */
export type ProcessName = TierName | 'controller';

/** A row of the table of metrics. */
export interface Definition<Labels extends readonly string[] = readonly string[]> {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string;
  readonly labels: Labels;
  readonly unit: string;
  readonly tiers: readonly TierName[];
  /** Whether the controller that runs alone has it as well. */
  readonly controller?: boolean;
  /** Upper bounds; of histograms only. */
  readonly buckets?: readonly number[];
}

/** Values for labels, one for each. */
export type ValuesOf<Labels extends readonly string[]> = { readonly [Index in keyof Labels]: string };
