import { type Edit, editObject } from '#core/json/edit';
import { type JsonObjectScan, JsonSyntaxError, scanObject, scanValue } from '#core/json/scan';
import { skipSpace } from '#core/json/skip';
import { invalidParams, invalidRequest, parseError, type RpcError } from './rpc-error.ts';

/** The largest body that Envoy AI Gateway takes (`MCP_PROXY_MAX_REQUEST_BODY_SIZE`), in bytes. */
const DEFAULT_MAX_BYTES = 4 * 1024 * 1024;
const DEFAULT_MAX_DEPTH = 64;

const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;

export interface MessageLimits {
  /**
   * Bytes of one message.
   *
   * @default 4194304
   */
  readonly maxBytes?: number;
  /**
   * Arrays and objects that may lie in each other, the message included.
   *
   * @default 64
   */
  readonly maxDepth?: number;
}

/** A JSON-RPC message: checked, located, and not parsed. */
export interface RpcMessage {
  readonly scan: JsonObjectScan;
  readonly kind: 'request' | 'notification' | 'response';
  /** JSON text as written: `'1'`, `'"a"'`. A request has one; a response has one unless it is an error about a message without. */
  readonly id: string | undefined;
  /** Undefined for a response. */
  readonly method: string | undefined;
}

/**
 * Checks that the bytes are one JSON-RPC message of MCP.
 *
 * An id is a string or a number in every revision, and never null in a request. The JSON schemas say integer where schema.ts says
 * number: any number passes, as text, for only its sender reads it. Batches were in 2025-03-26 alone.
 *
 * A member that occurs twice is refused, and so is one that differs only by case from one that matters: another parser (Go's, for
 * the latter) may take the one that this gateway did not check.
 *
 * @throws RpcError -32700 for what is not JSON or nests too deep, -32600 for JSON that is no message
 * @see https://modelcontextprotocol.io/specification/2025-11-25/basic
 */
export function readMessage(bytes: Buffer, limits: MessageLimits = {}): RpcMessage {
  const { maxBytes = DEFAULT_MAX_BYTES, maxDepth = DEFAULT_MAX_DEPTH } = limits;
  if (bytes.length > maxBytes) throw invalidRequest(`The message has more than ${maxBytes} bytes`, { httpStatus: 413 });
  const scan = scanMessage(bytes, maxDepth);
  const id = idOf(scan);
  const refuse = (why: string): RpcError => invalidRequest(`Not a JSON-RPC message of MCP: ${why}`, { id });
  if (scan.string('jsonrpc') !== '2.0') throw refuse('jsonrpc must be "2.0"');
  if (scan.duplicates.length > 0) throw refuse('a member occurs twice');
  if (hasLookalike(scan, MEMBERS)) throw refuse('a member differs from one of JSON-RPC only by case');
  const answered = scan.has('result') || scan.has('error');
  if (scan.has('method')) {
    const method = scan.string('method');
    if (method === undefined) throw refuse('method must be a string');
    if (answered) throw refuse('it has a method and a result or an error');
    if (scan.has('id') && id === undefined) throw refuse('id must be a string or a number');
    return { scan, kind: scan.has('id') ? 'request' : 'notification', id, method };
  }
  if (!answered) throw refuse('it has no method, no result and no error');
  if (scan.has('result') && scan.has('error')) throw refuse('it has a result and an error');
  if (scan.has('result') && scan.type('result') !== 'object') throw refuse('result must be an object');
  if (scan.has('error') && scan.type('error') !== 'object') throw refuse('error must be an object');
  const isUnattributed = scan.has('error') && (!scan.has('id') || scan.type('id') === 'null');
  if (id === undefined && !isUnattributed) throw refuse('id must be a string or a number');
  return { scan, kind: 'response', id, method: undefined };
}

const MEMBERS: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error']);
const PARAMS: ReadonlySet<string> = new Set(['name', 'uri', 'ref', 'taskId', 'arguments', '_meta']);

/**
 * Whether a member has one of the names but for case, as Go's `encoding/json` reads it.
 *
 * @see https://pkg.go.dev/encoding/json#Unmarshal
 */
export function hasLookalike(scan: JsonObjectScan, names: ReadonlySet<string>): boolean {
  return scan.members.some(({ name }) => !names.has(name) && foldedOf(names).has(fold(name)));
}

const folded = new Map<ReadonlySet<string>, ReadonlySet<string>>();

function foldedOf(names: ReadonlySet<string>): ReadonlySet<string> {
  const known = folded.get(names);
  if (known !== undefined) return known;
  const made = new Set([...names].map(fold));
  folded.set(names, made);
  return made;
}

/** Upper case first: it joins the long s with s. */
function fold(name: string): string {
  return name.toUpperCase().toLowerCase();
}

function scanMessage(bytes: Buffer, maxDepth: number): JsonObjectScan {
  const first = bytes[skipSpace(bytes, 0)];
  if (first === OPEN_ARRAY) throw invalidRequest('JSON-RPC batches are not served: send one message a request');
  try {
    if (first === OPEN_OBJECT) return scanObject(bytes, { maxDepth });
    scanValue(bytes, { maxDepth });
  } catch (error) {
    throw error instanceof JsonSyntaxError ? parseError(error.message) : error;
  }
  throw invalidRequest('A JSON-RPC message is an object');
}

function idOf(scan: JsonObjectScan): string | undefined {
  const type = scan.type('id');
  if (type !== 'string' && type !== 'number') return undefined;
  return scan.slice('id')!.toString();
}

/** What has been located inside messages: params are looked at by several parts of the gateway. */
const located = new WeakMap<JsonObjectScan, Map<string, JsonObjectScan>>();

function objectOf(scan: JsonObjectScan, name: string, refuse: (why: string) => RpcError): JsonObjectScan | undefined {
  if (!scan.has(name)) return undefined;
  const known = located.get(scan)?.get(name);
  if (known !== undefined) return known;
  if (scan.type(name) !== 'object') throw refuse(`${name} must be an object`);
  const object = scanObject(scan.slice(name)!, { maxDepth: scan.maxDepth - 1 });
  if (object.duplicates.length > 0) throw refuse(`a member of ${name} occurs twice`);
  if (name === 'params' && hasLookalike(object, PARAMS)) throw refuse('a member differs from one of MCP only by case');
  if (!located.has(scan)) located.set(scan, new Map());
  located.get(scan)!.set(name, object);
  return object;
}

function refuseBody({ id, kind }: RpcMessage): (why: string) => RpcError {
  if (kind === 'response') return (why) => invalidRequest(`Not a JSON-RPC message of MCP: ${why}`, { id });
  return (why) => invalidParams(`Invalid params: ${why}`, { httpStatus: 400, id });
}

/**
 * The parameters; undefined where there are none.
 *
 * @throws RpcError -32602 where they are no object, or have a member twice or in another case
 */
export function paramsOf(message: RpcMessage): JsonObjectScan | undefined {
  return objectOf(message.scan, 'params', refuseBody(message));
}

/** @throws RpcError -32600 where it has a member twice */
export function resultOf(message: RpcMessage): JsonObjectScan | undefined {
  return objectOf(message.scan, 'result', refuseBody(message));
}

/**
 * `_meta` of the parameters, or of a response's result; undefined where there is none.
 *
 * @throws RpcError as paramsOf and resultOf do
 */
export function metaOf(message: RpcMessage): JsonObjectScan | undefined {
  const body = message.kind === 'response' ? resultOf(message) : paramsOf(message);
  return body && objectOf(body, '_meta', refuseBody(message));
}

export interface MessageEdit {
  /** JSON text. */
  readonly id?: string;
  /** Changes of members of `params`, or of a response's `result`. */
  readonly params?: readonly Edit[];
  /** Changes of members of `_meta` in there. They count where `params` changes `_meta` as well. */
  readonly meta?: readonly Edit[];
}

const EMPTY = Buffer.from('{}');

/**
 * The message with the changes made, and every other byte as it was. Parameters and `_meta` are written where they were absent.
 *
 * @returns the message's own bytes when nothing changes
 * @throws RpcError as paramsOf and resultOf do, and where the message would nest too deep
 */
export function edit(message: RpcMessage, { id, params = [], meta = [] }: MessageEdit): Buffer {
  const { scan } = message;
  const isResponse = message.kind === 'response';
  const body = isResponse ? 'result' : 'params';
  const edits: Edit[] = id === undefined ? [] : [{ set: 'id', value: id }];
  try {
    // An error has no result to change.
    if ((params.length > 0 || meta.length > 0) && (!isResponse || scan.has(body))) {
      const located = isResponse ? resultOf(message) : paramsOf(message);
      const inner: Edit[] = [...params];
      if (meta.length > 0) inner.push({ set: '_meta', value: editObject(metaOf(message) ?? empty(scan.maxDepth - 2), meta) });
      edits.push({ set: body, value: editObject(located ?? empty(scan.maxDepth - 1), inner) });
    }
    return editObject(scan, edits);
  } catch (error) {
    throw error instanceof JsonSyntaxError ? refuseBody(message)(error.message) : error;
  }
}

function empty(maxDepth: number): JsonObjectScan {
  return scanObject(EMPTY, { maxDepth });
}

/** @param id - JSON text */
export function requestBytes(id: string, method: string, params?: Buffer | object): Buffer {
  const tail = params === undefined ? '' : ',"params":';
  return join(`{"jsonrpc":"2.0","id":${id},"method":${JSON.stringify(method)}${tail}`, params);
}

export function notificationBytes(method: string, params?: Buffer | object): Buffer {
  return join(`{"jsonrpc":"2.0","method":${JSON.stringify(method)}${params === undefined ? '' : ',"params":'}`, params);
}

/** @param id - JSON text */
export function resultBytes(id: string, result: Buffer | object): Buffer {
  return join(`{"jsonrpc":"2.0","id":${id},"result":`, result);
}

/** @param id - JSON text; undefined where the message had none that could be read: MCP has no `null` there, it leaves the member out */
export function errorBytes(id: string | undefined, { code, message, data }: RpcError): Buffer {
  const member = id === undefined ? '' : `"id":${id},`;
  // JSON.stringify leaves `data` out where there is none.
  return join(`{"jsonrpc":"2.0",${member}"error":`, { code, message, data });
}

function join(head: string, value: Buffer | object | undefined): Buffer {
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(head), value, Buffer.from('}')]);
  return Buffer.from(value === undefined ? `${head}}` : `${head}${JSON.stringify(value)}}`);
}
