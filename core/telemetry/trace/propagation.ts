import type { IncomingHttpHeaders } from 'node:http';

import type { Problem, SettingsReader } from '../sdk-settings.ts';
import { didYouMean } from '../../resources/nearest.ts';
import { b3Header, b3Headers, parseB3, parseB3Multi } from './b3.ts';
import { parseTraceparent, type RemoteParent, stateOfOthers, traceparent, tracestate } from './context.ts';
import { without } from './flat-headers.ts';

export const PROPAGATORS = ['tracecontext', 'baggage', 'b3', 'b3multi'] as const;
export type Propagator = (typeof PROPAGATORS)[number];

const DEFAULT: readonly Propagator[] = ['tracecontext', 'baggage'];
/** Names of the specification that are not served. */
const UNSERVED = ['jaeger', 'xray', 'ottrace'];

/** OTEL_PROPAGATORS: empty where nothing is read and nothing is put on requests. */
export function propagatorsOf(read: SettingsReader, problem: Problem): readonly Propagator[] {
  const NAME = 'OTEL_PROPAGATORS';
  const asked = [...new Set(read.list(NAME) ?? DEFAULT)];
  if (asked.includes('none')) {
    if (asked.length > 1) problem(`${NAME} has none and others`);
    return [];
  }
  const known = asked.filter((name) => PROPAGATORS.some((each) => each === name)) as Propagator[];
  for (const name of asked) {
    if (known.some((each) => each === name)) continue;
    const all = [...PROPAGATORS, 'none'];
    const why = UNSERVED.includes(name) ? `"${name}", which is not served` : `"${name}"${didYouMean(name, all)}`;
    problem(`${NAME} is a list of ${all.join(', ')}, not ${why}`);
  }
  return known;
}

/** Where a request stands in its trace, for those behind. */
export interface Position {
  readonly traceId: string;
  /** Undefined: the trace begins here. */
  readonly parentSpanId: string | undefined;
  readonly sampled: boolean;
}

/** How the trace of a request is told from one process to the next. Chosen once. */
export interface Propagation {
  readonly extract: (headers: IncomingHttpHeaders) => RemoteParent | undefined;
  /** Puts the span `spanId` on a request to a backend, in the place of what the client sent. @param headers flat */
  readonly inject: (headers: string[], at: Position, spanId: string, client: IncomingHttpHeaders) => void;
  /**
   * The same for a request that is no model call: nothing is said of tokens.
   * @param headers flat @param state the parent's `tracestate`
   */
  readonly carry: (headers: string[], at: Position, spanId: string, state: string | undefined) => void;
  /** Whether W3C's form is in use, the only one that messages of MCP know. */
  readonly isW3c: boolean;
  /** Whether the client's baggage goes on, to whom it may. */
  readonly baggage: boolean;
}

export function propagationOf(propagators: readonly Propagator[]): Propagation {
  const traces = propagators.filter((name) => name !== 'baggage').map((name) => FORMS[name]);
  const baggage = propagators.includes('baggage');
  const [first, ...others] = traces;
  if (first === undefined) return { extract: () => undefined, inject: () => undefined, carry: () => undefined, isW3c: false, baggage };
  const isW3c = propagators.includes('tracecontext');
  const names = new Set(['tracestate', ...traces.flatMap((form) => form.names)]);
  const carry: Propagation['carry'] = (headers, at, spanId, state) => {
    for (let each = headers.length - 2; each >= 0; each -= 2) if (names.has(headers[each]!)) headers.splice(each, 2);
    const passed = at.parentSpanId === undefined ? undefined : stateOfOthers(state);
    if (passed !== undefined) headers.push('tracestate', passed);
    for (const { put } of traces) put(headers, at, spanId);
  };
  if (others.length === 0) {
    const { extract, clear, put } = first;
    const inject: Propagation['inject'] = (headers, at, spanId, client) => {
      clear(headers, client);
      putState(headers, at, client);
      put(headers, at, spanId);
    };
    return { extract, inject, carry, isW3c, baggage };
  }
  return {
    // As the SDK's own composite: of several that are there the last one counts.
    extract: (headers) => traces.reduce<RemoteParent | undefined>((found, { extract }) => extract(headers) ?? found, undefined),
    inject: (headers, at, spanId, client) => {
      for (const { clear } of traces) clear(headers, client);
      putState(headers, at, client);
      for (const { put } of traces) put(headers, at, spanId);
    },
    carry,
    isW3c,
    baggage,
  };
}

interface Form {
  /** Of its headers. */
  readonly names: readonly string[];
  readonly extract: Propagation['extract'];
  /** Takes off what the client sent. */
  readonly clear: (headers: string[], client: IncomingHttpHeaders) => void;
  readonly put: (headers: string[], at: Position, spanId: string) => void;
}

const B3_HEADERS = ['b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled', 'x-b3-flags'];

/** Both forms of B3 are read and taken off, whichever is written. */
const B3: Omit<Form, 'put'> = {
  names: B3_HEADERS,
  extract: (headers) => parseB3(headers['b3']) ?? parseB3Multi(headers),
  clear: (headers, client) => {
    for (const name of B3_HEADERS) if (client[name] !== undefined) without(headers, name);
  },
};

const FORMS: Readonly<Record<Exclude<Propagator, 'baggage'>, Form>> = {
  tracecontext: {
    names: ['traceparent'],
    extract: (headers) => parseTraceparent(headers.traceparent),
    clear: (headers, client) => {
      if (client.traceparent !== undefined) without(headers, 'traceparent');
    },
    put: (headers, { traceId, sampled }, spanId) => void headers.push('traceparent', traceparent(traceId, spanId, sampled)),
  },
  b3: { ...B3, put: (headers, { traceId, sampled }, spanId) => void headers.push('b3', b3Header(traceId, spanId, sampled)) },
  b3multi: { ...B3, put: (headers, { traceId, sampled }, spanId) => void headers.push(...b3Headers(traceId, spanId, sampled)) },
};

/**
 * The state belongs to the parent: without a valid one it is nobody's. Ours goes along with B3 too, as B3 has nothing to say that the tokens
 * are counted already; who does not read `traceparent` takes no notice of it.
 */
function putState(headers: string[], { parentSpanId }: Position, client: IncomingHttpHeaders): void {
  if (client.tracestate !== undefined) without(headers, 'tracestate');
  headers.push('tracestate', tracestate(parentSpanId === undefined ? undefined : client.tracestate));
}
