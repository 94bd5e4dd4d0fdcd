import { SpanKind } from '@opentelemetry/api';

import { safeText } from '../redaction.ts';
import type { Attributes } from './attributes.ts';
import type { SpanParts } from './built-span.ts';
import type { CallRecord, PoolPass } from './record.ts';

type Own = Omit<SpanParts, 'traceId' | 'spanId' | 'parentSpanId' | 'remoteParent'>;

/** How the request waited before each pool, and how its endpoint was picked there. */
export function poolSpans({ passes }: CallRecord): Own[] {
  return passes.flatMap((pass) => [
    queueSpan(pass),
    ...(pass.endpoint === undefined && pass.failure !== undefined ? [] : [pickSpan(pass)]),
  ]);
}

function queueSpan(pass: PoolPass): Own {
  const { startMs, endMs, queueMs, pool, failure } = pass;
  const picked = pass.endpoint !== undefined;
  return {
    name: 'queue',
    kind: SpanKind.INTERNAL,
    startMs,
    endMs: picked ? Math.min(endMs, startMs + queueMs) : endMs,
    attributes: {
      'openinference.span.kind': 'CHAIN',
      'inference.pool.name': pool,
      'inference.queue_ms': Math.round(queueMs * 1000) / 1000,
      ...(failure === undefined ? {} : { 'error.type': failure }),
    },
    error: picked || failure === undefined ? undefined : safeText(failure),
  };
}

function pickSpan(pass: PoolPass): Own {
  const { startMs, endMs, queueMs, pool, candidates, candidateCount, endpoint, pod, reason } = pass;
  const attributes: Attributes = {
    'openinference.span.kind': 'CHAIN',
    'inference.pool.name': pool,
    'inference.pick.candidate_count': candidateCount,
    'inference.pick.candidates': candidates.map(({ id }) => id),
    'inference.pick.scores': candidates.map(({ score }) => score),
    'inference.pick.matched_tokens': candidates.map(({ matchedTokens }) => matchedTokens),
    ...(endpoint === undefined ? {} : { 'inference.endpoint': endpoint }),
    ...(pod === undefined || pod === '' ? {} : { 'inference.pod': pod }),
    ...(reason === undefined ? {} : { 'inference.pick.reason': reason }),
  };
  const estimates = candidates.map(({ estTtftMs }) => estTtftMs ?? -1);
  if (estimates.some((ms) => ms >= 0)) attributes['inference.pick.estimated_ttft_ms'] = estimates;
  return { name: 'pick', kind: SpanKind.INTERNAL, startMs: Math.min(endMs, startMs + queueMs), endMs, attributes };
}
