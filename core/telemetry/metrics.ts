import { CONTENT_TYPES, type Format, formatOf, renderFamily } from './metrics/exposition.ts';
import type { Definition, ProcessName } from './metrics/definition.ts';
import { type Family, familyOf, type FamilyOf } from './metrics/family.ts';
import { type HeaderLabel, HeaderValues } from './metrics/header-labels.ts';
import { LabelCap } from './metrics/label-cap.ts';
import { ProcessMetrics } from './metrics/process.ts';
import { RequestMetrics } from './metrics/requests.ts';
import { GEN_AI_METRICS, HEADERS_FROM, type MetricKey, METRICS } from './metrics/table.ts';
import { VERSION } from './metrics/version.ts';

export type Families = { readonly [Key in MetricKey]: FamilyOf<(typeof METRICS)[Key]> };

/** A page for a scraper. */
export interface Page {
  readonly contentType: string;
  readonly body: string;
}

/** What sets gauges right before they are read. A rejection leaves the others alone. */
export type Collector = () => void | Promise<void>;

/** Values of labels that clients can influence: how many have series of their own. */
const MOST_MODELS = 200;
const MOST_CLIENTS = 200;

const MODEL_LABELS = ['gen_ai_original_model', 'gen_ai_request_model', 'gen_ai_response_model', 'model', 'model_name', 'target_model_name'];
const CLIENT_LABELS = ['client_id', 'fairness_id'];

/** The metrics of one process: all families of its tier, in the order of the table. */
export class Metrics {
  readonly families: Families;
  /** Names of models: those of the configuration, and of others a bounded number. */
  readonly models: LabelCap;
  /** Names that answers give their models. */
  readonly responseModels: LabelCap;
  readonly clients: LabelCap;
  /** Headers of requests that are labels of the reference's metrics; undefined: none is. */
  readonly headers: HeaderValues | undefined;
  /** Takes each finished request. */
  readonly settled: RequestMetrics;
  readonly tier: ProcessName;
  readonly #shown: readonly Family[];
  readonly #collectors: Collector[] = [];
  readonly #forget: ((value: string) => void)[] = [];
  #process: ProcessMetrics | undefined;
  #refreshing: Promise<void> | undefined;

  /** @param headerLabels headers of requests that are labels of the reference's metrics */
  constructor(tier: ProcessName, headerLabels: readonly HeaderLabel[] = []) {
    const rows = Object.entries(METRICS) as [MetricKey, (typeof METRICS)[MetricKey]][];
    const families = rows.map(([key, row]) => [key, familyOf(withHeaders(row, headerLabels))] as const);
    this.families = Object.fromEntries(families) as unknown as Families;
    this.#shown = families.filter(([key]) => isOf(METRICS[key], tier)).map(([, family]) => family as Family);
    this.models = this.#cap(MOST_MODELS, MODEL_LABELS);
    this.responseModels = this.#cap(MOST_MODELS, ['gen_ai_response_model']);
    this.clients = this.#cap(MOST_CLIENTS, CLIENT_LABELS);
    this.headers = headerLabels.length === 0 ? undefined : new HeaderValues(headerLabels, (label, value) => this.#evict([label], value));
    this.tier = tier;
    this.settled = new RequestMetrics(this);
    const { telemetryDropped, telemetryExported, telemetryFailed } = this.families;
    for (const family of [telemetryDropped, telemetryExported, telemetryFailed]) family.with('spans');
    this.families.build.with(VERSION, tier, process.versions.node).set(1);
  }

  #cap(most: number, labels: readonly string[]): LabelCap {
    return new LabelCap({ most, onEvict: (value) => this.#evict(labels, value) });
  }

  #evict(labels: readonly string[], value: string): void {
    for (const family of this.#shown) for (const label of labels) family.remove(label, value);
    for (const forget of this.#forget) forget(value);
  }

  /** All families of the tier, in the order of the table. */
  get shown(): readonly Family[] {
    return this.#shown;
  }

  /** Undefined: they are not collected. */
  get process(): ProcessMetrics | undefined {
    return this.#process;
  }

  /** Calls back before each page, and before metrics are sent. */
  onCollect(collector: Collector): void {
    this.#collectors.push(collector);
  }

  /** Calls back when the series of a label's value are gone: whoever holds some has to ask for new ones. */
  onForget(forget: (value: string) => void): void {
    this.#forget.push(forget);
  }

  /** Starts the process metrics (CPU, memory, event loop). */
  collectProcess(): void {
    this.#process ??= new ProcessMetrics();
  }

  /** Sets what is only set when somebody looks. Those who look at the same time look at the same. */
  refresh(): Promise<void> {
    this.#refreshing ??= this.#refresh().finally(() => {
      this.#refreshing = undefined;
    });
    return this.#refreshing;
  }

  async #refresh(): Promise<void> {
    await Promise.all(this.#collectors.map(collect));
    for (const family of this.#shown) {
      if (family.overflowed === 0) continue;
      this.families.seriesOverflow.with(family.definition.name).value = family.overflowed;
    }
  }

  /** @param accept header of the scraper: OpenMetrics, which has exemplars, or the older text */
  async page(accept?: string): Promise<Page> {
    const format: Format = formatOf(accept);
    await this.refresh();
    const startedAt = performance.now();
    let body = '';
    for (const family of this.#shown) body += renderFamily(family, format);
    this.families.scrapeDuration.with().set((performance.now() - startedAt) / 1000);
    if (this.#process !== undefined) body += await this.#process.render(format);
    if (format === 'openmetrics') body += '# EOF\n';
    return { contentType: CONTENT_TYPES[format], body };
  }
}

function isOf({ tiers, controller = false }: Definition, process: ProcessName): boolean {
  return process === 'controller' ? controller : tiers.includes(process);
}

/** The row with the labels of headers, where it is one of the reference's. */
function withHeaders<Row extends Definition>(row: Row, headers: readonly HeaderLabel[]): Row {
  if (headers.length === 0 || !GEN_AI_METRICS.some(({ name }) => name === row.name)) return row;
  return { ...row, labels: row.labels.toSpliced(HEADERS_FROM, 0, ...headers.map(({ label }) => label)) };
}

async function collect(collector: Collector): Promise<void> {
  try {
    await collector();
  } catch {
    // What a collector cannot say is not said; the page still has the rest.
  }
}
