import { openTelemetry, type Telemetry } from '#core/telemetry/sdk';
import { InvalidTelemetrySettings } from '#core/telemetry/sdk-settings';
import { VERSION } from '#core/telemetry/metrics/version';
import type { Tracing } from '#core/telemetry/trace/tracing';

import { CommandError } from './command.ts';
import { log } from './serve.ts';

export const TRACING_HELP = `
Traces of model calls and of MCP (OpenInference) go where OTEL_EXPORTER_OTLP_ENDPOINT says, such as http://localhost:6006 for Phoenix or
http://localhost:4318 for Jaeger; the standard OTEL_* settings hold. What is said is in them only with OPENINFERENCE_HIDE_INPUTS=false and
OPENINFERENCE_HIDE_OUTPUTS=false. OTEL_METRICS_EXPORTER=otlp sends metrics there as well; /metrics is served in any case.
`;

/** Telemetry as the environment of the process says. @param serviceName where the environment has none. @throws CommandError */
export async function telemetryOf(serviceName: string): Promise<Telemetry> {
  try {
    return await openTelemetry({ env: process.env, serviceName, version: VERSION, log });
  } catch (error) {
    if (error instanceof InvalidTelemetrySettings) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

/** Its traces alone. @throws CommandError */
export async function tracingOf(serviceName: string): Promise<Tracing | undefined> {
  return (await telemetryOf(serviceName)).tracing;
}
