import type { IncomingHttpHeaders } from 'node:http';

import { newTraceId, type RemoteParent } from './context.ts';

const IDS = /^([\da-f]{32}|[\da-f]{16})-([\da-f]{16})(?:-([01d]))?(?:-[\da-f]{16})?$/i;
const TRACE = /^(?:[\da-f]{32}|[\da-f]{16})$/i;
const SPAN = /^[\da-f]{16}$/i;
const ZEROS = /^0+$/;

/**
 * The parent that the one header `b3` names: `{trace}-{span}-{sampled}-{parent}`, of which the last two may be absent, or the decision alone.
 * @see https://github.com/openzipkin/b3-propagation#single-header
 */
export function parseB3(header: string | string[] | undefined): RemoteParent | undefined {
  if (typeof header !== 'string') return undefined;
  if (/^[01d]$/.test(header)) return decisionOnly(header);
  const match = IDS.exec(header);
  return match === null ? undefined : parentOf(match[1]!, match[2]!, match[3]);
}

/** The parent that the headers `x-b3-…` name. @see https://github.com/openzipkin/b3-propagation#multiple-headers */
export function parseB3Multi(headers: IncomingHttpHeaders): RemoteParent | undefined {
  const traceId = headers['x-b3-traceid'];
  const spanId = headers['x-b3-spanid'];
  const flag = headers['x-b3-sampled'];
  const decision =
    headers['x-b3-flags'] === '1' ? 'd' : flag === '1' || flag === 'true' ? '1' : flag === '0' || flag === 'false' ? '0' : '';
  if (traceId === undefined && spanId === undefined) return decision === '' ? undefined : decisionOnly(decision);
  if (typeof traceId !== 'string' || typeof spanId !== 'string' || !TRACE.test(traceId) || !SPAN.test(spanId)) return undefined;
  return parentOf(traceId, spanId, decision);
}

/** Ids of 64 bits are padded on the left, as the specification of both wants it. */
function parentOf(traceId: string, spanId: string, decision: string | undefined): RemoteParent | undefined {
  if (ZEROS.test(traceId) || ZEROS.test(spanId)) return undefined;
  const sampled = decision === undefined || decision === '' ? undefined : decision !== '0';
  return { traceId: traceId.toLowerCase().padStart(32, '0'), spanId: spanId.toLowerCase(), sampled };
}

/** The client has decided and has no span: the trace begins here. */
function decisionOnly(decision: string): RemoteParent {
  return { traceId: newTraceId(), spanId: undefined, sampled: decision !== '0' };
}

export function b3Header(traceId: string, spanId: string, sampled: boolean): string {
  return `${traceId}-${spanId}-${sampled ? '1' : '0'}`;
}

/** Flat. */
export function b3Headers(traceId: string, spanId: string, sampled: boolean): string[] {
  return ['x-b3-traceid', traceId, 'x-b3-spanid', spanId, 'x-b3-sampled', sampled ? '1' : '0'];
}
