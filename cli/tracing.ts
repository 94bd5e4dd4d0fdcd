import { readFileSync } from 'node:fs';

import { openTracing } from '#core/telemetry/trace/open';
import { InvalidTraceSettings } from '#core/telemetry/trace/settings';
import type { Tracing } from '#core/telemetry/trace/tracing';

import { CommandError } from './command.ts';
import { log } from './serve.ts';

export const TRACING_HELP = `
Traces of model calls (OpenInference) go where OTEL_EXPORTER_OTLP_ENDPOINT says, such as http://localhost:6006 for Phoenix or
http://localhost:4318 for Jaeger; the standard OTEL_* settings hold. What is said is in them only with OPENINFERENCE_HIDE_INPUTS=false and
OPENINFERENCE_HIDE_OUTPUTS=false.
`;

/** Traces as the environment of the process says. @param serviceName where the environment has none. @throws CommandError */
export async function tracingOf(serviceName: string): Promise<Tracing | undefined> {
  try {
    return await openTracing({ env: process.env, serviceName, version: ownVersion(), log });
  } catch (error) {
    if (error instanceof InvalidTraceSettings) throw new CommandError(error.message, { cause: error });
    throw error;
  }
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version;
}
