import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

import { Reply } from '../attempt/reply.ts';
import type { Outcome } from '../attempt/call.ts';
import type { GatewayError } from '../errors.ts';
import type { Dialect } from '../llm/dialect.ts';
import type { Usage } from '../llm/usage.ts';
import type { Told } from '../providers/translated.ts';
import type { RequestTrace } from '../telemetry/trace/request-trace.ts';
import type { ServerResponse } from 'node:http';

import type { RequestClaims } from '../tiers/request-token.ts';
import { ANYONE, type Caller, type Identity } from '../identify/identity.ts';
import type { ApiEndpoint } from '../read/endpoints.ts';
import type { ListenerTable } from '../route/ports.ts';
import type { Rule } from '../route/rule.ts';
import type { Snapshot } from './snapshot.ts';

/** One request on its way through the pipeline. Each stage writes what it found out, and reads what earlier ones did. */
export class GatewayRequest implements Caller {
  /** At tier two it is the one that tier one gave the request. */
  id: string;
  readonly raw: IncomingMessage;
  readonly reply: Reply;
  /** The configuration that the request began with, and keeps. */
  readonly snapshot: Snapshot;
  readonly startedAt = performance.now();
  readonly startTime = Date.now();
  /** When it was known who calls; undefined where nobody asks. */
  identifiedAt: number | undefined;
  /** When the caller was known, the body read, and the rule found. */
  routedAt: number | undefined;
  readonly method: string;
  /** Of the request line, as it came. */
  readonly target: string;
  path: string;
  query = '';
  host = '';
  address = '';
  dialect: Dialect = 'openai';
  listener: ListenerTable | undefined;
  endpoint: ApiEndpoint | undefined;
  identity: Identity = ANYONE;
  rule: Rule | undefined;
  model: string | undefined;
  stream = false;
  bodyBytes = 0;
  /** Code of the error that we answered ourselves. */
  errorCode: string | undefined;
  outcome: Outcome | undefined;
  /** What the request used, where that is better known than from the outcome alone. */
  usage: Usage | undefined;
  /** Milliseconds that it waited for others than backends: for its own body, for a turn in a queue. */
  waitedMs = 0;
  /** Of its span, where there is one that is kept: exemplars of metrics name it. */
  traceId: string | undefined;
  /** What tier one says of the request, once its token has been verified. */
  claims: RequestClaims | undefined;
  /** Undefined where nothing is traced. */
  trace: RequestTrace | undefined;
  /** Where the backend speaks another API: what could not be said in it. */
  told: (Told & { readonly api: string }) | undefined;
  /** Further fields of the access log. */
  details: Readonly<Record<string, unknown>> | undefined;

  constructor(raw: IncomingMessage, response: ServerResponse, target: string, snapshot: Snapshot) {
    this.raw = raw;
    this.reply = new Reply(response);
    this.snapshot = snapshot;
    this.method = raw.method ?? 'GET';
    this.target = target;
    this.path = target;
    this.id = requestId(raw.headers['x-request-id']);
  }

  get headers() {
    return this.raw.headers;
  }

  /** The error that we answer ourselves. */
  failedWith(error: GatewayError): void {
    this.errorCode = error.code;
    if (this.trace !== undefined) this.trace.error = error;
  }
}

/** The client's own id where it is a plausible one, else a new one of 128 random bits. */
export function requestId(given: string | string[] | undefined): string {
  if (typeof given === 'string' && /^[\w\-.:/+=]{1,128}$/.test(given)) return given;
  return nextId();
}

const POOL_IDS = 256;
let pool = '';
let used = POOL_IDS;

/** Random bytes are drawn for many ids at once: one call of the kernel each would be felt. */
function nextId(): string {
  if (used === POOL_IDS) {
    pool = randomBytes(16 * POOL_IDS).toString('hex');
    used = 0;
  }
  const at = used++ * 32;
  return pool.slice(at, at + 32);
}

/** Host of a Host header or an authority: lower case, without port and final dot. */
export function hostOf(authority: string | undefined): string {
  if (authority === undefined) return '';
  const host = authority.startsWith('[') ? authority.slice(0, authority.indexOf(']') + 1) : authority.replace(/:\d*$/, '');
  return host.toLowerCase().replace(/\.$/, '');
}
