import { didYouMean } from '../../../resources/nearest.ts';
import { type Env, InvalidTelemetrySettings, PROTOCOLS, type Protocol, SettingsReader } from '../../sdk-settings.ts';

/** How metrics are sent on their own, beside the page for scrapers. */
export interface PushSettings {
  readonly exporter: 'otlp' | 'console';
  readonly protocol: Protocol;
  readonly intervalMs: number;
  /** For one export. */
  readonly timeoutMs: number;
}

/** Settings that cannot be meant: one line each. */
export class InvalidPushSettings extends InvalidTelemetrySettings {
  override readonly name = 'InvalidPushSettings';
}

const EXPORTERS = ['otlp', 'console', 'prometheus', 'none'] as const;
const PREFIX = 'OTEL_EXPORTER_OTLP_METRICS_';
/** What the exporters know under the prefix, and the two below that they are not let have their way with. */
const OWN = [
  'ENDPOINT',
  'PROTOCOL',
  'HEADERS',
  'TIMEOUT',
  'COMPRESSION',
  'CERTIFICATE',
  'CLIENT_CERTIFICATE',
  'CLIENT_KEY',
  'INSECURE',
  'TEMPORALITY_PREFERENCE',
  'DEFAULT_HISTOGRAM_AGGREGATION',
];

/**
 * Reads OTEL_METRICS_EXPORTER, OTEL_METRIC_EXPORT_* and OTEL_EXPORTER_OTLP_METRICS_* with the general OTEL_EXPORTER_OTLP_* behind them.
 * @returns undefined where nothing is sent
 * @throws InvalidPushSettings with every problem
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function pushSettings(env: Env): PushSettings | undefined {
  const problems: string[] = [];
  const problem = (message: string): void => void problems.push(message);
  const read = new SettingsReader(env, problem);
  checkNames(env, problem);
  const exporter = exporterOf(read, problem);
  const protocol = read.oneOf(`${PREFIX}PROTOCOL`, PROTOCOLS, read.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOLS, 'http/protobuf'));
  const intervalMs = read.number('OTEL_METRIC_EXPORT_INTERVAL', 60_000, undefined, 1);
  const timeoutMs = read.number('OTEL_METRIC_EXPORT_TIMEOUT', Math.min(30_000, intervalMs), undefined, 1);
  if (timeoutMs > intervalMs)
    problem(`OTEL_METRIC_EXPORT_TIMEOUT (${timeoutMs}) is longer than OTEL_METRIC_EXPORT_INTERVAL (${intervalMs}): exports would pile up`);
  read.oneOf(`${PREFIX}COMPRESSION`, ['none', 'gzip'], 'none');
  read.number(`${PREFIX}TIMEOUT`, 10_000, undefined, 1);
  const temporality = read.text(`${PREFIX}TEMPORALITY_PREFERENCE`)?.toLowerCase() ?? 'cumulative';
  if (temporality === 'delta' || temporality === 'lowmemory')
    problem(
      `${PREFIX}TEMPORALITY_PREFERENCE=${temporality} is not served: an export that is lost would lose what it counts for ever; ` +
        'use cumulative, and the processor cumulativetodelta of a collector',
    );
  else if (temporality !== 'cumulative')
    problem(`${PREFIX}TEMPORALITY_PREFERENCE is cumulative, not "${temporality}"${didYouMean(temporality, ['cumulative'])}`);
  const histograms = read.text(`${PREFIX}DEFAULT_HISTOGRAM_AGGREGATION`) ?? 'explicit_bucket_histogram';
  if (histograms !== 'explicit_bucket_histogram')
    problem(`${PREFIX}DEFAULT_HISTOGRAM_AGGREGATION is explicit_bucket_histogram: the bounds are those of /metrics, not "${histograms}"`);
  if (problems.length > 0) throw new InvalidPushSettings(problems.join('\n'));
  return read.disabled || exporter === 'none' ? undefined : { exporter, protocol, intervalMs, timeoutMs };
}

/** `prometheus` asks for what is there anyway. An endpoint for metrics alone is meant; the general one may be that of traces. */
function exporterOf(read: SettingsReader, problem: (message: string) => void): 'otlp' | 'console' | 'none' {
  const asked = read.list('OTEL_METRICS_EXPORTER') ?? [read.text(`${PREFIX}ENDPOINT`) === undefined ? 'none' : 'otlp'];
  for (const name of asked) {
    if (!EXPORTERS.some((known) => known === name))
      problem(`OTEL_METRICS_EXPORTER is of ${EXPORTERS.join(', ')}, not "${name}"${didYouMean(name, EXPORTERS)}`);
  }
  const sending = (['otlp', 'console'] as const).filter((name) => asked.includes(name));
  if (sending.length > 1) problem('OTEL_METRICS_EXPORTER has both otlp and console: one of them is served');
  if (asked.includes('none') && asked.length > 1) problem('OTEL_METRICS_EXPORTER has none and others');
  return sending[0] ?? 'none';
}

/** A misspelt name would be a setting without effect. */
function checkNames(env: Env, problem: (message: string) => void): void {
  for (const name of Object.keys(env)) {
    if (!name.startsWith(PREFIX)) continue;
    const own = name.slice(PREFIX.length);
    if (!OWN.includes(own)) problem(`${name} is no setting${didYouMean(own, OWN)}`);
  }
}
