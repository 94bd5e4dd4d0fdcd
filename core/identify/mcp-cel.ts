import type { IncomingMessage } from 'node:http';

import { Environment, type ParseResult } from '@marcbachmann/cel-js';

import { reasonOf } from '../limits/cel.ts';
import type { Report } from '../resources/kind.ts';

import { BadExpression, type Fields, type Frame, programOf } from './cel-program.ts';
import { FAILED } from './cel-values.ts';
import { scopesOf } from './claims.ts';
import type { Caller, Token } from './identity.ts';

/** What an expression of an MCPRoute may look at. */
export interface McpFacts {
  /** With `raw`, headers that came several times are told apart; without, each has one value. */
  readonly caller: Caller & { readonly raw?: Pick<IncomingMessage, 'headersDistinct'> };
  readonly token: Token | undefined;
  /** Of MCP, such as `tools/call`. */
  readonly method: string;
  /** Name of the backendRef that is asked. */
  readonly server: string;
  /** Empty where no tool is meant. */
  readonly tool: string;
  /** Of the message, read from its JSON where an expression looks at them. It may throw: then there are none. */
  readonly params?: (() => unknown) | undefined;
}

/** @returns undefined where the expression has no value, as something that it names is not there, or it takes too much work */
export type McpCondition = (request: McpRequestFacts) => boolean | undefined;

/** `request`, made once for all expressions that look at it. */
export type McpRequestFacts = object;

const MAX_TEXT = 4096;
const LIMITS = { maxAstNodes: 1000, maxDepth: 64, maxListElements: 256, maxMapEntries: 0, maxCallArguments: 4 };
/** Work of one evaluation: as much as with the reference (its cost limit), about a third of a millisecond. */
const MAX_WORK = 10_000;

const FIELDS: Fields = {
  method: undefined,
  host: undefined,
  path: undefined,
  headers: undefined,
  headers_all: undefined,
  auth: { jwt: { claims: undefined, scopes: undefined } },
  mcp: { method: undefined, backend: undefined, tool: undefined, params: undefined },
};

let environment: Environment | undefined;

/** Of a list everything may be, as claims and parameters are. */
function newEnvironment(): Environment {
  const options = { limits: LIMITS, enableOptionalTypes: true, homogeneousAggregateLiterals: false };
  return new Environment(options).registerVariable('request', 'dyn');
}

/**
 * Compiles a condition of an MCPRoute (`authorization.rules[].cel`, `backendSelector.rules[].cel`): an expression in CEL of the type
 * bool, over `request.method`, `.host`, `.path`, `.headers` (first values), `.headers_all` (lists), `.auth.jwt.claims`,
 * `.auth.jwt.scopes`, `.mcp.method`, `.mcp.backend`, `.mcp.tool` and `.mcp.params`. What takes more than a fixed amount of work has no
 * value, and `matches` is RE2's.
 * @returns undefined after a report
 */
export function compileMcpCel(text: string, path: string, report: Report): McpCondition | undefined {
  try {
    return conditionOf(text);
  } catch (error) {
    if (!(error instanceof BadExpression)) throw error;
    report(path, error.message);
    return undefined;
  }
}

function conditionOf(text: string): McpCondition {
  if (text.length > MAX_TEXT) throw new BadExpression(`it has ${text.length} characters, and may have ${MAX_TEXT}`);
  const parsed = parse(text);
  const program = programOf(parsed.ast, [{ name: 'request', fields: FIELDS }]);
  const { valid, type, error } = parsed.check();
  if (!valid) throw new BadExpression(reasonOf(error));
  if (type !== 'bool' && type !== 'dyn') throw new BadExpression(`its result is of type ${type ?? 'unknown'}, and must be bool`);
  return (request) => {
    const frame: Frame = { work: { left: MAX_WORK }, values: [request] };
    const result = program(frame);
    return typeof result === 'boolean' && result !== (FAILED as unknown) ? result : undefined;
  };
}

function parse(text: string): ParseResult {
  environment ??= newEnvironment();
  try {
    return environment.parse(text);
  } catch (error) {
    throw new BadExpression(reasonOf(error));
  }
}

/** What takes work is found out where an expression looks at it, and then once. */
export function requestFacts({ caller, token, method, server, tool, params }: McpFacts): McpRequestFacts {
  const headersAll = once(() => caller.raw?.headersDistinct ?? listsOf(caller.headers));
  const headers = once(() => firstOf(headersAll()));
  const scopes = once(() => (token === undefined ? [] : [...scopesOf(token.claims)].toSorted()));
  const read = once(() => readSafely(params));
  return {
    method: caller.method,
    host: caller.host,
    path: caller.path,
    get headers() {
      return headers();
    },
    get headers_all() {
      return headersAll();
    },
    auth: {
      jwt: {
        claims: token?.claims ?? {},
        get scopes() {
          return scopes();
        },
      },
    },
    mcp: {
      method,
      backend: server,
      tool,
      get params() {
        return read();
      },
    },
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function readSafely(params: (() => unknown) | undefined): unknown {
  try {
    return params?.();
  } catch {
    // What is no JSON has no parameters, and what names them has no value.
    return undefined;
  }
}

type Lists = Readonly<Record<string, readonly string[] | undefined>>;

function listsOf(headers: Caller['headers']): Lists {
  const lists: Record<string, readonly string[]> = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, value] of Object.entries(headers)) if (value !== undefined) lists[name] = typeof value === 'string' ? [value] : value;
  return lists;
}

function firstOf(lists: Lists): object {
  const first: Record<string, string> = Object.create(null) as Record<string, string>;
  for (const [name, values] of Object.entries(lists)) if (values?.[0] !== undefined) first[name] = values[0];
  return first;
}
