import type { Families } from '#core/telemetry/metrics';

import type { Told } from './engine/parts.ts';
import { METHODS } from './wire/methods.ts';

/** A method that is none of MCP: a client could make up any number of names. */
const OTHER = '_OTHER';

/** What is measured of requests of MCP: the reference's names, and those of OpenTelemetry's conventions. */
export class McpMetrics {
  readonly #families: Families;

  constructor(families: Families) {
    this.#families = families;
  }

  /** @param seconds to the end of the answer */
  record({ method, server = '', error, unreachable = false }: Told, seconds: number): void {
    // Streams that are opened, and answers of the client, are no operations.
    if (method === undefined) return;
    const name = METHODS.has(method) ? method : OTHER;
    const status = unreachable ? 'error' : error === undefined ? 'success' : 'failed';
    const errorType = error === undefined ? '' : String(error);
    this.#families.mcpMethods.with(name, status, server).inc();
    this.#families.mcpDuration.with(errorType, server).observe(seconds);
    this.#families.mcpOperation.with(name, errorType).observe(seconds);
  }
}
