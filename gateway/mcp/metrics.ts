import type { Families } from '#core/telemetry/metrics';

import type { Told } from './engine/parts.ts';
import { errorTypeOf } from './trace/error-type.ts';
import { knownMethod } from './trace/names.ts';
import type { Operation } from './trace/operation.ts';

/** What is measured of requests of MCP: the reference's names, and those of OpenTelemetry's conventions. */
export class McpMetrics {
  readonly #families: Families;

  constructor(families: Families) {
    this.#families = families;
  }

  /** @param seconds to the end of the answer */
  record(told: Told, seconds: number): void {
    const { method, server = '', error, refused, unreachable = false } = told;
    // Streams that are opened, and answers of the client, are no operations.
    if (method === undefined) return;
    const name = knownMethod(method);
    const status = unreachable ? 'error' : error === undefined && refused === undefined ? 'success' : 'failed';
    const errorType = errorTypeOf(told) ?? '';
    this.#families.mcpMethods.with(name, status, server).inc();
    this.#families.mcpDuration.with(errorType, server).observe(seconds);
    this.#families.mcpOperation.with(name, errorType).observe(seconds);
  }

  /** What a server was asked is over. */
  called({ server, method, error, triedAt, endedAt }: Operation): void {
    this.#families.mcpClientOperation.with(knownMethod(method), error?.type ?? '', server).observe((endedAt! - triedAt) / 1000);
  }
}
