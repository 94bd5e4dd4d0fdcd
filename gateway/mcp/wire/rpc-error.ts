import { type Era, SUPPORTED_VERSIONS } from './versions.ts';

export const PARSE_ERROR = -32700;
export const INVALID_REQUEST = -32600;
export const METHOD_NOT_FOUND = -32601;
export const INVALID_PARAMS = -32602;
export const INTERNAL_ERROR = -32603;
export const HEADER_MISMATCH = -32020;
export const MISSING_CLIENT_CAPABILITY = -32021;
export const UNSUPPORTED_PROTOCOL_VERSION = -32022;
/** What the SDKs' servers answer for a session that they do not know. */
export const SESSION_NOT_FOUND = -32001;
/**
 * Ours. MCP leaves -32000 to -32019 to implementations. The SDKs use -32000 and -32001, drafts of 2026-07-28 used -32003
 * and -32004, and -32002 was "resource not found": this one means nothing else to anybody.
 */
export const SERVER_UNREACHABLE = -32010;
/** Ours: a budget has no room for the call of a tool, or there is no price that it asks for. `data.code` says which. */
export const REFUSED_FOR_MONEY = -32011;
/** Ours as well: a server is called in the name of the caller, and he has no token for it. */
export const NOT_LET_IN = -32012;
/** 2025-11-25: the client has to show its user a URL first. */
const URL_ELICITATION_REQUIRED = -32042;

const PROTOCOL_ERRORS: ReadonlySet<number> = new Set([
  PARSE_ERROR,
  INVALID_REQUEST,
  METHOD_NOT_FOUND,
  INVALID_PARAMS,
  HEADER_MISMATCH,
  MISSING_CLIENT_CAPABILITY,
  UNSUPPORTED_PROTOCOL_VERSION,
  URL_ELICITATION_REQUIRED,
]);

/** Whether a server says by an error that it did not do what it was asked for: it did not take the request. */
export function isProtocolError(code: number | undefined): boolean {
  return code !== undefined && PROTOCOL_ERRORS.has(code);
}

const MAX_SHOWN = 100;

export interface RpcErrorOptions {
  /**
   * Status of the HTTP answer that carries the error.
   *
   * @default 200
   */
  readonly httpStatus?: number;
  /** Of that answer. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** JSON value for `error.data`. */
  readonly data?: unknown;
  /** JSON text of the id of the request that failed, where it could be read. */
  readonly id?: string | undefined;
}

/**
 * An error that a client gets as a JSON-RPC error. Most have HTTP status 200: clients of the legacy era take another status
 * for a fault of the connection (seen in the TypeScript SDK 1.32). Where the protocol says a status, it is that.
 *
 * @see https://modelcontextprotocol.io/specification/2026-07-28/basic/index#error-codes
 */
export class RpcError extends Error {
  override readonly name = 'RpcError';
  readonly code: number;
  readonly httpStatus: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly data: unknown;
  readonly id: string | undefined;

  constructor(code: number, message: string, { httpStatus = 200, headers = {}, data, id }: RpcErrorOptions = {}) {
    super(message);
    this.code = code;
    this.httpStatus = httpStatus;
    this.headers = headers;
    this.data = data;
    this.id = id;
  }
}

export function parseError(why: string): RpcError {
  return new RpcError(PARSE_ERROR, `The body is not JSON: ${why}`, { httpStatus: 400 });
}

export function invalidRequest(why: string, { httpStatus = 400, ...options }: RpcErrorOptions = {}): RpcError {
  return new RpcError(INVALID_REQUEST, why, { httpStatus, ...options });
}

/** The modern era answers 404, so that a client can tell it from a server without an MCP endpoint: by the body. */
export function unknownMethod(method: string, era: Era, id?: string): RpcError {
  return new RpcError(METHOD_NOT_FOUND, `Method not found: ${shown(method)}`, { httpStatus: era === 'modern' ? 404 : 200, id });
}

export function invalidParams(why: string, options: RpcErrorOptions = {}): RpcError {
  return new RpcError(INVALID_PARAMS, why, options);
}

/** @param supported - what the client may choose from */
export function unsupportedVersion(requested: string, id?: string, supported: readonly string[] = SUPPORTED_VERSIONS): RpcError {
  const data = { supported, requested: shown(requested) };
  return new RpcError(UNSUPPORTED_PROTOCOL_VERSION, 'Unsupported protocol version', { httpStatus: 400, data, id });
}

/** @param required - as an object of capabilities: `{ elicitation: {} }` */
export function missingClientCapability(required: Readonly<Record<string, unknown>>, id?: string): RpcError {
  const message = `The client did not declare a capability that the request needs: ${Object.keys(required).join(', ')}`;
  return new RpcError(MISSING_CLIENT_CAPABILITY, message, { httpStatus: 400, data: { requiredCapabilities: required }, id });
}

export function headerMismatch(why: string, id?: string): RpcError {
  return new RpcError(HEADER_MISMATCH, `Header mismatch: ${why}`, { httpStatus: 400, id });
}

/** Status 200: the gateway works and the session goes on; only what this server offers is away. */
export function serverUnreachable(server: string, why: string, id?: string): RpcError {
  return new RpcError(SERVER_UNREACHABLE, `MCP server ${shown(server)}: ${why}`, { id });
}

/** 404 makes a client of the legacy era open a new session. */
export function sessionGone(id?: string): RpcError {
  return new RpcError(SESSION_NOT_FOUND, 'Session not found: initialize again', { httpStatus: 404, id });
}

/** Nobody can be named to a server that is called in the name of the caller. */
export class CallerUnknown extends RpcError {
  /** Whether he had a token, which has expired meanwhile. */
  readonly hasLapsed: boolean;

  /** @param options with where to get a token, if that is known */
  constructor(message: string, { challenge, hasLapsed }: { readonly challenge: string | undefined; readonly hasLapsed: boolean }) {
    super(
      NOT_LET_IN,
      message,
      challenge === undefined ? { httpStatus: 403 } : { httpStatus: 401, headers: { 'www-authenticate': challenge } },
    );
    this.hasLapsed = hasLapsed;
  }
}

/** The server answered, and its answer cannot be passed on. */
export function unacceptableAnswer(server: string, why: string): RpcError {
  return new RpcError(INTERNAL_ERROR, `MCP server ${shown(server)} sent an answer that cannot be passed on: ${why}`);
}

/** @param why - for the client: nothing of what went wrong inside */
export function internalError(why = 'Internal error', id?: string): RpcError {
  return new RpcError(INTERNAL_ERROR, why, { httpStatus: 500, id });
}

/** What came from outside, short enough for a message. */
export function shown(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
