import type { Endpoint } from '#core/attempt/backend';
import type { Edit } from '#core/json/edit';
import type { JsonObjectScan } from '#core/json/scan';
import { newSpanId } from '#core/telemetry/trace/context';

import { factsOf } from '../upstream/ask.ts';
import { memberObject } from '../upstream/capabilities.ts';
import type { ServerFailed } from '../upstream/failed.ts';
import type { McpServer } from '../upstream/server.ts';
import type { Watch } from '../upstream/watch.ts';
import { TOOL_ERROR } from './error-type.ts';
import type { McpTrace } from './mcp-trace.ts';
import { isToolError } from './tool-error.ts';

/** What went wrong, in our own words: those of servers can be content. */
export interface OperationError {
  /** As the label of the metrics. */
  readonly type: string;
  /** Of JSON-RPC. */
  readonly code: number | undefined;
  readonly message: string;
}

/** What a client asked for. */
export interface OperationOwner {
  /** Undefined: nothing is traced. */
  readonly trace: McpTrace | undefined;
  /** Undefined: it is no part of the route. */
  serverOf(name: string): McpServer | undefined;
  ended(operation: Operation): void;
}

export interface OperationParts {
  readonly server: string;
  readonly method: string;
  /** The request is the client's; else the gateway asks of its own accord. */
  readonly isClients: boolean;
  /** There is to be a response. */
  readonly isRequest: boolean;
}

/** A request or notification to a server: from its first try to its response, however much the server says after it. */
export class Operation implements Watch {
  readonly server: string;
  readonly method: string;
  readonly isClients: boolean;
  /** 16 hexadecimal digits; empty where nothing is traced. */
  readonly spanId: string;
  /** `performance.now()` of the first try, and of the last one. */
  startedAt: number | undefined;
  triedAt = 0;
  endedAt: number | undefined;
  endpoint: Endpoint | undefined;
  protocolVersion: string | undefined;
  /** Of HTTP. */
  status: number | undefined;
  /** JSON text of the response's id. */
  id: string | undefined;
  error: OperationError | undefined;
  readonly #owner: OperationOwner;
  readonly #isRequest: boolean;
  #meta: readonly Edit[] | undefined;

  constructor(owner: OperationOwner, { server, method, isClients, isRequest }: OperationParts) {
    this.#owner = owner;
    this.server = server;
    this.method = method;
    this.isClients = isClients;
    this.#isRequest = isRequest;
    this.spanId = owner.trace === undefined ? '' : newSpanId();
  }

  get meta(): readonly Edit[] {
    const { trace } = this.#owner;
    return (this.#meta ??= trace === undefined ? NO_EDITS : trace.meta(this.spanId, this.#owner.serverOf(this.server)));
  }

  begun(protocolVersion: string | undefined): void {
    this.triedAt = performance.now();
    this.startedAt ??= this.triedAt;
    this.endedAt = undefined;
    this.error = undefined;
    this.protocolVersion = protocolVersion;
  }

  sent(server: McpServer, endpoint: Endpoint, headers: string[]): void {
    this.endpoint = endpoint;
    const { trace } = this.#owner;
    if (trace === undefined) return;
    if (this.isClients) trace.remember(server, headers);
    trace.inject(headers, this.spanId);
  }

  answered(status: number): void {
    this.status = status;
  }

  said(message: JsonObjectScan): void {
    if (this.endedAt !== undefined || message.has('method')) return;
    this.id = message.slice('id')?.toString();
    const { trace } = this.#owner;
    const result = message.slice('result');
    if (result === undefined) this.error = rpcError(memberObject(message, 'error')?.number('code'));
    else if (this.method === 'tools/call' && this.isClients) {
      if (trace?.shown.outputs === true) trace.answer = result;
      if (isToolError(result)) this.error = TOOL_FAILED;
    }
    this.#end();
  }

  over(failure: ServerFailed | undefined, isResumable = false): void {
    if (this.endedAt !== undefined) return;
    if (failure !== undefined) this.error = errorOf(failure);
    else if (this.#isRequest && !isResumable) this.error = UNANSWERED;
    this.#end();
  }

  #end(): void {
    this.endedAt = performance.now();
    this.#owner.ended(this);
  }
}

const NO_EDITS: readonly Edit[] = [];
const TOOL_FAILED: OperationError = { type: TOOL_ERROR, code: undefined, message: 'the tool says that it failed' };
const UNANSWERED: OperationError = { type: 'malformed', code: undefined, message: 'the server ended its answer without a response' };

function rpcError(code = 0): OperationError {
  return { type: String(code), code, message: `the server answered with error ${code}` };
}

/** Who gives up has no error of the server's; who waited as long as he could has. */
function errorOf({ kind, status, rpcError: said, cause, message }: ServerFailed): OperationError | undefined {
  if (said !== undefined) return rpcError(factsOf(said).code);
  if (kind === 'status') return { type: String(status), code: undefined, message };
  if (kind !== 'aborted') return { type: kind, code: undefined, message };
  const isLate = cause instanceof DOMException && cause.name === 'TimeoutError';
  return isLate ? { type: 'timeout', code: undefined, message: 'the server did not answer in time' } : undefined;
}
