/** One line of a panel. */
export interface Query {
  /** PromQL; `$__rate_interval` is Grafana's. */
  readonly expr: string;
  /** `{{label}}` stands for a label's value. */
  readonly legend?: string;
  /** Answers only where something happens that a test cannot bring about, or that is good never to see. */
  readonly mayBeEmpty?: boolean;
}

/** Units of Grafana; `suffix:` puts a text behind the number. */
export type Unit = 's' | 'short' | 'percentunit' | 'reqps' | 'bytes' | 'ops' | 'suffix: tok/s' | 'dateTimeFromNow';

/** From this value on the number has this colour; below the first it is green, or what {@link Panel.base} says. */
export interface Step {
  readonly at: number;
  readonly color: 'green' | 'yellow' | 'orange' | 'red';
}

export interface Panel {
  readonly title: string;
  readonly kind: 'timeseries' | 'stat' | 'table' | 'heatmap' | 'bargauge';
  readonly unit: Unit;
  readonly queries: readonly Query[];
  /** What it shows, and when to worry. */
  readonly description: string;
  /** In twenty-fourths of the screen. @default 12; of a stat 6 */
  readonly width?: number;
  /** Lines that stand on each other. */
  readonly stacked?: boolean;
  /** In ascending order; a line across a time series, the colour of a number. */
  readonly steps?: readonly Step[];
  /** Colour below the first step. @default green */
  readonly base?: Step['color'];
  /** Alerts that go by these numbers: links to their runbooks. */
  readonly alerts?: readonly string[];
  /** Words that stand for numbers. */
  readonly words?: Readonly<Record<string, string>>;
}

export interface Row {
  readonly title: string;
  readonly panels: readonly Panel[];
}

/** A variable that the reader chooses, of the values of a label; all of them at first. */
export interface Variable {
  readonly name: string;
  /** As the reader sees it. */
  readonly title: string;
  readonly metric: string;
  readonly label: string;
}

export interface Dashboard {
  /** Stays for ever: links and bookmarks go by it. */
  readonly uid: string;
  readonly title: string;
  readonly description: string;
  readonly rows: readonly Row[];
  readonly variables: readonly Variable[];
}

/** Of all that is scraped in Kubernetes; elsewhere there is none, and All stands for that as well. */
export const NAMESPACE: Variable = { name: 'namespace', title: 'Namespace', metric: 'tierkit_build_info', label: 'namespace' };

export function widthOf({ width, kind }: Panel): number {
  return width ?? (kind === 'stat' ? 6 : 12);
}
