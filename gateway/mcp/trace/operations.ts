import type { Tracing } from '#core/telemetry/trace/tracing';

import type { Asked } from '../engine/parts.ts';
import type { McpServer } from '../upstream/server.ts';
import type { Watches } from '../upstream/watch.ts';
import type { RpcMessage } from '../wire/message.ts';
import { TOOL_ERROR } from './error-type.ts';
import { type McpTrace, traceOf } from './mcp-trace.ts';
import { Operation, type OperationOwner } from './operation.ts';
import { callOf, type McpRecord, recordOf } from './record.ts';
import { clientSpan, serverSpan } from './spans.ts';

export interface OperationsOptions {
  /** Undefined: nothing is traced. */
  readonly tracing?: Tracing | undefined;
  /** Hears of each operation at a server that is over. */
  readonly called?: ((operation: Operation) => void) | undefined;
}

/** What is asked of servers for one request or notification of a client. */
export class Operations implements Watches, OperationOwner {
  readonly #options: OperationsOptions;
  readonly #asked: Asked;
  readonly #message: RpcMessage;
  readonly trace: McpTrace | undefined;
  readonly #all: Operation[] = [];
  /** Once the request is over, and told of. */
  #record: McpRecord | undefined;

  /** @throws RpcError where the parameters or `_meta` are no objects */
  constructor(asked: Asked, message: RpcMessage, options: OperationsOptions) {
    this.#options = options;
    this.#asked = asked;
    this.#message = message;
    this.trace = options.tracing === undefined ? undefined : traceOf(asked.request, message, options.tracing);
  }

  /** The client's request, as a server gets it. */
  at(server: string): Operation {
    return this.#all.findLast((each) => each.isClients && each.server === server) ?? this.again(server);
  }

  /** The same once more, as the server asked for something else before. */
  again(server: string): Operation {
    const { method, kind } = this.#message;
    return this.#made(new Operation(this, { server, method: method!, isClients: true, isRequest: kind === 'request' }));
  }

  own(server: string, method: string): Operation {
    return this.#made(new Operation(this, { server, method, isClients: false, isRequest: true }));
  }

  serverOf(name: string): McpServer | undefined {
    return this.#asked.route.servers.get(name)?.server;
  }

  ended(operation: Operation): void {
    this.#options.called?.(operation);
    const { tracing } = this.#options;
    const record = this.#record;
    const call = record === undefined ? undefined : callOf(this.#asked, operation);
    if (call !== undefined) tracing!.tellOther(0, (scope) => [clientSpan(call, record!, tracing!.settings, scope)]);
  }

  /** Tells of the request, which is over, and of what servers were asked for it. What is still under way there is told later. */
  end(): void {
    const { told, request } = this.#asked;
    told.toolFailed = this.#all.some(({ isClients, error }) => isClients && error?.type === TOOL_ERROR);
    const { tracing } = this.#options;
    if (this.trace === undefined || tracing === undefined) return;
    const record = recordOf(this.#asked, this.#message, this.trace, tracing.settings);
    if (record === undefined) return;
    this.#record = record;
    request.traceId = record.traceId;
    const calls = this.#all.flatMap((operation) => callOf(this.#asked, operation) ?? []);
    const { settings } = tracing;
    tracing.tellOther(sizeOf(record) + 1024 * calls.length, (scope) => [
      serverSpan(record, settings, scope),
      ...calls.map((call) => clientSpan(call, record, settings, scope)),
    ]);
  }

  #made(operation: Operation): Operation {
    this.#all.push(operation);
    return operation;
  }
}

/** Of what waits in memory: a part of a message holds the whole of it. */
function sizeOf({ arguments: given, result }: McpRecord): number {
  return [given, result].reduce((sum, body) => sum + (Buffer.isBuffer(body) ? body.buffer.byteLength : 0), 0);
}
