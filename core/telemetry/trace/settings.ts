import { type Redaction, redaction } from '../redaction.ts';
import { type Env, InvalidTelemetrySettings, PROTOCOLS, type Protocol, SettingsReader } from '../sdk-settings.ts';
import { type HeaderAttribute, headerAttributes } from './header-attributes.ts';
import { type Propagator, propagatorsOf } from './propagation.ts';

export type { Env } from '../sdk-settings.ts';

/** Which spans are told of, apart from those that are kept for what happened to them. */
export interface SamplerSettings {
  /** Share of the traces that begin here, 0 to 1. */
  readonly ratio: number;
  /** Whether a trace that began elsewhere is sampled as its beginner said. */
  readonly parentBased: boolean;
}

/** Bounds of what waits to be exported. */
export interface QueueSettings {
  /** Requests. */
  readonly most: number;
  /** Bytes of bodies and attributes. */
  readonly mostBytes: number;
  /** Spans in one export. */
  readonly batch: number;
  readonly delayMs: number;
}

/** How model calls are traced. */
export interface TraceSettings {
  readonly convention: 'openinference' | 'gen_ai';
  readonly exporter: 'otlp' | 'console';
  readonly protocol: Protocol;
  readonly sampler: SamplerSettings;
  /** How a trace comes with requests and goes on; empty: nothing is read and nothing is put on them. */
  readonly propagators: readonly Propagator[];
  /** Which tier's span is the model call's and has its tokens: `auto` is the first gateway that a request meets. */
  readonly llmSpan: 'auto' | 'always' | 'never';
  readonly redaction: Redaction;
  /** Whether the GenAI convention's spans have content. */
  readonly capturesContent: boolean;
  /** Whether its switch says that they have none, and not only its default. */
  readonly contentLocked: boolean;
  readonly headers: readonly HeaderAttribute[];
  /** Time to the first token, or of a whole answer, from which on a request is kept; 0: never. */
  readonly slowMs: number;
  readonly queue: QueueSettings;
  /** Characters of one attribute. */
  readonly valueLength: number;
}

/** Settings that cannot be meant: one line each. */
export class InvalidTraceSettings extends InvalidTelemetrySettings {
  override readonly name = 'InvalidTraceSettings';
}

const CONTENT = 'OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT';
const SAMPLERS = ['always_on', 'always_off', 'traceidratio', 'parentbased_always_on', 'parentbased_always_off', 'parentbased_traceidratio'];

/**
 * Reads the settings of tracing from OTEL_*, OPENINFERENCE_*, AI_GATEWAY_TRACING_SEMCONV and TIERKIT_TRACES_*.
 * @returns undefined where nothing is traced: no endpoint and no exporter is set, or it is turned off
 * @throws InvalidTraceSettings with every problem
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
 */
export function traceSettings(env: Env): TraceSettings | undefined {
  const problems: string[] = [];
  const problem = (message: string): void => void problems.push(message);
  const read = new SettingsReader(env, problem);

  // Read first: a misspelt switch that should hide something is told also where nothing is traced yet.
  const shown = redaction(env, problem);
  const headers = headerAttributes(env, 'SPAN', problem);
  const convention = read.oneOf('AI_GATEWAY_TRACING_SEMCONV', ['openinference', 'gen_ai'], 'openinference');
  const hasEndpoint = [env['OTEL_EXPORTER_OTLP_ENDPOINT'], env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT']].some((url) => (url ?? '') !== '');
  const exporter = read.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'console', 'none'], hasEndpoint ? 'otlp' : 'none');
  const protocol = read.oneOf(
    'OTEL_EXPORTER_OTLP_TRACES_PROTOCOL',
    PROTOCOLS,
    read.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', PROTOCOLS, 'http/protobuf'),
  );
  const propagators = propagatorsOf(read, problem);
  const sampler = read.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS, 'parentbased_always_on');
  const ratio = read.number('OTEL_TRACES_SAMPLER_ARG', 1, 1);
  const settings = {
    convention,
    protocol,
    propagators,
    sampler: {
      ratio: sampler.endsWith('traceidratio') ? ratio : sampler.endsWith('always_on') ? 1 : 0,
      parentBased: sampler.startsWith('parentbased_'),
    },
    llmSpan: read.oneOf('TIERKIT_TRACES_LLM_SPAN', ['auto', 'always', 'never'], 'auto'),
    redaction: shown,
    capturesContent: read.oneOf(CONTENT, ['true', 'false'], 'false') === 'true',
    contentLocked: env[CONTENT]?.trim() === 'false',
    headers,
    slowMs: read.number('TIERKIT_TRACES_SLOW_MS', 10_000),
    queue: {
      most: Math.max(1, read.number('OTEL_BSP_MAX_QUEUE_SIZE', 2048)),
      mostBytes: read.number('TIERKIT_TRACES_QUEUE_BYTES', 32 * 1024 * 1024),
      batch: Math.max(1, read.number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', 512)),
      delayMs: read.number('OTEL_BSP_SCHEDULE_DELAY', 1000),
    },
    valueLength: read.number('OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT', read.number('OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT', 65_536)),
  } as const;
  if (problems.length > 0) throw new InvalidTraceSettings(problems.join('\n'));
  if (read.disabled || exporter === 'none' || sampler === 'always_off') return undefined;
  return { ...settings, exporter };
}
