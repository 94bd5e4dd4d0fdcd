import { safeText } from '#core/telemetry/redaction';
import { type TraceSettings, traceSettings } from '#core/telemetry/trace/settings';

/** Where the user's own settings send traces. */
export type OwnTraces =
  /** Nowhere yet. */
  | { readonly to: 'unset' }
  /** `setting` is the variable that says so; `where` has no password. */
  | { readonly to: 'elsewhere'; readonly setting: string; readonly where: string }
  | { readonly to: 'off' };

const ENDPOINTS = ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT'] as const;
const SIDES = ['OPENINFERENCE_HIDE_INPUTS', 'OPENINFERENCE_HIDE_OUTPUTS'] as const;
/** The project in Phoenix: one for both tiers, for the first span of a trace decides. */
const PROJECT = 'tierkit';
const PROJECT_ATTRIBUTE = 'openinference.project.name';
/** The exporter's attempts end with this time: enough of them for a backend that is still starting. */
const EXPORT_MS = 30_000;

/** @throws InvalidTraceSettings, as the tiers would */
export function ownTraces(env: NodeJS.ProcessEnv): OwnTraces {
  const setting = ENDPOINTS.find((name) => isSet(env, name));
  const settings = traceSettings(setting === undefined ? { ...env, [ENDPOINTS[0]]: 'http://127.0.0.1' } : env);
  if (settings === undefined) return { to: 'off' };
  if (settings.exporter === 'console') return { to: 'elsewhere', setting: 'OTEL_TRACES_EXPORTER', where: 'standard output' };
  return setting === undefined ? { to: 'unset' } : { to: 'elsewhere', setting, where: safeText(env[setting]!) };
}

/**
 * The environment of the tiers. Prompts and answers are shown where they stay in this session or are those of the bundled example, unless the user
 * has said which of them are: this is for looking at.
 * @param otlp URL of a trace backend of this session, OTLP over HTTP; undefined: the user's settings decide alone
 * @param isDemo whether the bundled example runs, and no models of the user's
 * @throws InvalidTraceSettings
 */
export function tracedEnv(
  env: NodeJS.ProcessEnv,
  otlp: string | undefined,
  isDemo: boolean,
): { readonly env: NodeJS.ProcessEnv; readonly showsContent: boolean } {
  const sent = otlp === undefined ? env : { ...env, ...sendingTo(otlp, env) };
  const settings: TraceSettings | undefined = traceSettings(sent);
  const mayShow = otlp !== undefined || isDemo;
  const showsContent = mayShow && settings?.convention === 'openinference' && !SIDES.some((name) => isSet(env, name));
  return { env: showsContent ? { ...sent, ...Object.fromEntries(SIDES.map((name) => [name, 'false'])) } : sent, showsContent };
}

/** The project in Phoenix that the traces of this session are in. */
export function projectOf(env: NodeJS.ProcessEnv): string {
  return givenProject(env) ?? PROJECT;
}

function givenProject(env: NodeJS.ProcessEnv): string | undefined {
  const pairs = (env['OTEL_RESOURCE_ATTRIBUTES'] ?? '').split(',').map((each) => each.trim());
  return pairs.find((each) => each.startsWith(`${PROJECT_ATTRIBUTE}=`))?.slice(PROJECT_ATTRIBUTE.length + 1);
}

/** Settings for traces alone: metrics that are pushed go on as the user says. */
function sendingTo(otlp: string, env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const timeout = env['OTEL_EXPORTER_OTLP_TRACES_TIMEOUT'] || env['OTEL_EXPORTER_OTLP_TIMEOUT'] || String(EXPORT_MS);
  const attributes = env['OTEL_RESOURCE_ATTRIBUTES'] ?? '';
  return {
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${otlp}/v1/traces`,
    OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
    OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: timeout,
    ...(givenProject(env) !== undefined
      ? {}
      : { OTEL_RESOURCE_ATTRIBUTES: [attributes, `${PROJECT_ATTRIBUTE}=${PROJECT}`].filter((each) => each !== '').join(',') }),
  };
}

function isSet(env: NodeJS.ProcessEnv, name: string): boolean {
  return (env[name] ?? '').trim() !== '';
}
