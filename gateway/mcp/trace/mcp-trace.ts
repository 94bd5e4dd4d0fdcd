import { isCredential } from '#core/http/headers';
import type { Edit } from '#core/json/edit';
import type { GatewayRequest } from '#core/serve/request';
import type { LinkParts } from '#core/telemetry/trace/built-span';
import { parseTraceparent, stateOfOthers, traceparent } from '#core/telemetry/trace/context';
import { without } from '#core/telemetry/trace/flat-headers';
import type { RequestTrace } from '#core/telemetry/trace/request-trace';
import type { Shown } from '#core/telemetry/trace/shown';
import type { Tracing } from '#core/telemetry/trace/tracing';

import type { McpServer } from '../upstream/server.ts';
import { metaOf, type RpcMessage } from '../wire/message.ts';

/** Where a message of MCP stands in a trace, and what of it may be told. */
export class McpTrace {
  readonly request: RequestTrace;
  /** The span of HTTP, where `_meta` names another one as the parent. */
  readonly link: LinkParts | undefined;
  readonly shown: Shown;
  /** The result of a tool, where outputs are shown. */
  answer: Buffer | undefined;
  /** What servers were shown to be let in, where their answers are told. */
  readonly secrets: string[] = [];
  /** The parent's `tracestate`. */
  readonly #state: string | undefined;
  readonly #hasBaggage: boolean;

  constructor(parts: {
    readonly request: RequestTrace;
    readonly link: LinkParts | undefined;
    readonly shown: Shown;
    readonly state: string | undefined;
    readonly hasBaggage: boolean;
  }) {
    this.request = parts.request;
    this.link = parts.link;
    this.shown = parts.shown;
    this.#state = parts.state;
    this.#hasBaggage = parts.hasBaggage;
  }

  /** Changes of `_meta` that put a span of ours in the place of the client's. @param server undefined: it is no part of the route any more */
  meta(spanId: string, server: McpServer | undefined): readonly Edit[] {
    const { traceId, sampled, propagation } = this.request;
    const edits: Edit[] = [];
    if (propagation.isW3c) {
      const state = this.#state === undefined ? undefined : stateOfOthers(this.#state);
      edits.push({ set: 'traceparent', value: `"${traceparent(traceId, spanId, sampled)}"` });
      edits.push(state === undefined ? { remove: 'tracestate' } : { set: 'tracestate', value: JSON.stringify(state) });
    }
    // W3C Baggage, section 4: what clients say to each other in it is nothing for a stranger.
    if (this.#hasBaggage && !(propagation.baggage && server !== undefined && getsBaggage(server))) edits.push({ remove: 'baggage' });
    return edits;
  }

  /** @param headers flat, in place */
  inject(headers: string[], spanId: string): void {
    const { propagation } = this.request;
    propagation.carry(headers, this.request, spanId, this.#state);
    if (!propagation.baggage) without(headers, 'baggage');
  }

  /** Credentials that an answer must not repeat. @param headers flat */
  remember({ credential }: McpServer, headers: readonly string[]): void {
    if (!this.shown.outputs) return;
    if (credential !== undefined) this.secrets.push(credential.value);
    for (let at = 0; at < headers.length; at += 2)
      if (isCredential(headers[at]!)) this.secrets.push(headers[at + 1]!.replace(/^(?:bearer|basic)\s+/i, ''));
  }
}

/** Who names the header for a server wants it to know. */
function getsBaggage({ forwardHeaders }: McpServer): boolean {
  return forwardHeaders.some(({ as }) => as.toLowerCase() === 'baggage');
}

/**
 * Where a request or notification stands: below the span that its `_meta` names, which is linked with that of the headers where they name another
 * one; else below that of the headers.
 *
 * @param request its trace becomes the one that was found
 * @throws RpcError where the parameters or `_meta` are no objects
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic#meta SEP-414
 */
export function traceOf(request: GatewayRequest, message: RpcMessage, tracing: Tracing): McpTrace | undefined {
  const ofHttp = request.trace;
  if (ofHttp === undefined) return undefined;
  const meta = metaOf(message);
  const named = ofHttp.propagation.isW3c ? meta?.string('traceparent') : undefined;
  const parent = parseTraceparent(named);
  const isOther = parent !== undefined && (parent.traceId !== ofHttp.traceId || parent.spanId !== ofHttp.parentSpanId);
  const { tracestate } = request.headers;
  const state = parent === undefined ? (typeof tracestate === 'string' ? tracestate : undefined) : meta?.string('tracestate');
  if (isOther) {
    request.trace = tracing.start({ traceparent: named!, ...(state !== undefined && { tracestate: state }) });
    request.trace.identifiedAt = ofHttp.identifiedAt;
  }
  const trace = request.trace!;
  const { parentSpanId } = ofHttp;
  return new McpTrace({
    request: trace,
    link: isOther && parentSpanId !== undefined ? { traceId: ofHttp.traceId, spanId: parentSpanId } : undefined,
    shown: shownOf(request, trace),
    state: trace.parentSpanId === undefined ? undefined : state,
    hasBaggage: meta?.has('baggage') === true,
  });
}

function shownOf({ snapshot, identity, rule, listener }: GatewayRequest, trace: RequestTrace): Shown {
  const { traceRules } = snapshot;
  if (traceRules.rules.length === 0) return trace.shown;
  return trace.shownTo({ identity, model: undefined, route: rule!.route, gateway: listener!.gateway }, traceRules);
}
