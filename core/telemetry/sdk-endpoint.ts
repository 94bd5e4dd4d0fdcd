import { safeText } from './redaction.ts';
import type { Env, Protocol } from './sdk-settings.ts';

/** Where a signal goes by OTLP, for messages: without credentials. @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/ */
export function otlpEndpoint(env: Env, signal: 'traces' | 'metrics', protocol: Protocol): string {
  const own = env[`OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_ENDPOINT`];
  const base = env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (own !== undefined && own !== '') return withoutSecrets(own);
  if (protocol === 'grpc') return withoutSecrets(base === undefined || base === '' ? 'http://localhost:4317' : base);
  return withoutSecrets(`${(base === undefined || base === '' ? 'http://localhost:4318' : base).replace(/\/$/, '')}/v1/${signal}`);
}

function withoutSecrets(text: string): string {
  try {
    const url = new URL(text);
    return `${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}`;
  } catch {
    return safeText(text);
  }
}
