import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

import { isHeaderValue, isToken } from '#core/http/sendable';
import { isObject } from '#core/is-object';
import { VERSION } from '#core/telemetry/metrics/version';

import { CommandError, durationOf, UsageError } from './command.ts';
import { tableText } from './table.ts';

/** One command line of `tierkit mcp`. */
export interface McpCommandLine {
  readonly verb: 'ls' | 'call' | 'inspect';
  readonly url: string;
  readonly words: readonly string[];
  /** `NAME: VALUE`. */
  readonly headers: readonly string[];
  readonly timeout: string;
  readonly json: boolean;
}

interface Connected {
  readonly client: Client;
  readonly timeout: number;
  /** Of the answer to `initialize`. */
  readonly head: ReadonlyMap<string, string>;
  readonly protocolVersion: string | undefined;
}

/** One line of a list. */
interface Listed {
  readonly kind: 'tool' | 'prompt' | 'resource' | 'template';
  readonly server: string | undefined;
  readonly name: string;
  readonly description: string | undefined;
}

/** Pages of a list that are read. */
const MOST_PAGES = 1000;

/** @returns the exit code. @throws UsageError, CommandError */
export async function runMcp(line: McpCommandLine): Promise<number> {
  const argument = line.verb === 'call' ? argumentsOf(line.words) : undefined;
  const connected = await connect(line);
  try {
    if (argument !== undefined) return await call(connected, argument, line.json);
    if (line.verb === 'inspect') inspect(connected, line.json);
    else await list(connected, line.json);
    return 0;
  } catch (error) {
    throw failure(error, line.url);
  } finally {
    await connected.client.close();
  }
}

async function connect({ url: given, headers, timeout }: McpCommandLine): Promise<Connected> {
  const url = URL.parse(given);
  if (url === null || !/^https?:$/.test(url.protocol)) throw new UsageError(`"${given}" is no http or https URL`);
  const timeoutMs = durationOf(timeout, 'timeout', '60s');
  const client = new Client({ name: 'tierkit', version: VERSION });
  let head: ReadonlyMap<string, string> | undefined;
  const transport = new StreamableHTTPClientTransport(url, {
    requestInit: { headers: headersOf(headers) },
    fetch: async (to, init) => {
      const response = await fetch(to, init);
      head ??= new Map(response.headers);
      return response;
    },
  });
  try {
    await client.connect(transport, { timeout: timeoutMs });
  } catch (error) {
    throw failure(error, given);
  }
  return { client, timeout: timeoutMs, head: head ?? new Map(), protocolVersion: transport.protocolVersion };
}

/** @throws UsageError, without the value: it may be a key */
export function headersOf(given: readonly string[]): Record<string, string> {
  const pairs = given.map((header): [string, string] => {
    const colon = header.indexOf(':');
    const [name, value] = [header.slice(0, Math.max(0, colon)).trim(), header.slice(colon + 1).trim()];
    if (!isToken(name) || !isHeaderValue(value)) throw new UsageError("--header must be 'NAME: VALUE'");
    return [name, value];
  });
  return Object.fromEntries(pairs);
}

function argumentsOf([name, text = '{}']: readonly string[]): { name: string; arguments: Record<string, unknown> } {
  if (name === undefined) throw new UsageError('call needs the name of a tool');
  try {
    const value: unknown = JSON.parse(text);
    if (isObject(value)) return { name, arguments: value };
  } catch {
    // As for JSON that is no object.
  }
  throw new UsageError(`the arguments of ${name} must be a JSON object, such as '{"text": "hello"}'`);
}

async function list({ client, timeout }: Connected, json: boolean): Promise<void> {
  const { tools, prompts, resources } = client.getServerCapabilities() ?? {};
  const options = { timeout };
  const listed: Listed[] = [];
  const partial = new Set<string>();
  const add = async (kind: Listed['kind'], read: (cursor: object) => Promise<Page>): Promise<void> => {
    for await (const { items, _meta } of pages(read)) {
      for (const server of listOf(_meta?.['tierkit.dev/partial'])) partial.add(server);
      for (const { uri, uriTemplate, name, description } of items)
        listed.push({ kind, server: undefined, name: uri ?? uriTemplate ?? name, description });
    }
  };
  if (tools !== undefined) await add('tool', async (at) => pageOf(await client.listTools(at, options), 'tools'));
  if (prompts !== undefined) await add('prompt', async (at) => pageOf(await client.listPrompts(at, options), 'prompts'));
  if (resources !== undefined) {
    await add('resource', async (at) => pageOf(await client.listResources(at, options), 'resources'));
    await add('template', async (at) => pageOf(await client.listResourceTemplates(at, options), 'resourceTemplates'));
  }
  const all = listed.map((each) => ({ ...each, server: serverOf(each) }));
  if (json) {
    print({ items: all, partial: [...partial] });
    return;
  }
  const rows = all.map(({ kind, server, name, description = '' }) => [kind, server ?? '', name, firstLine(description)]);
  const columns = all.some(({ server }) => server !== undefined) ? [0, 1, 2, 3] : [0, 2, 3];
  process.stdout.write(tableText([['KIND', 'SERVER', 'NAME', ''], ...rows].map((row) => columns.map((column) => row[column]!))));
  if (partial.size > 0) process.stderr.write(`not in the list, for they did not answer: ${[...partial].join(', ')}\n`);
}

interface Item {
  readonly name: string;
  readonly uri?: string;
  readonly uriTemplate?: string;
  readonly description?: string | undefined;
}

interface Page {
  readonly items: readonly Item[];
  readonly nextCursor: string | undefined;
  readonly _meta: Readonly<Record<string, unknown>> | undefined;
}

/** A page of a list, whose items the SDK has checked. */
function pageOf(result: object, key: string): Page {
  const { nextCursor, _meta, [key]: items = [] } = result as Readonly<Record<string, unknown>>;
  return { items: items as Item[], nextCursor: nextCursor as string | undefined, _meta: _meta as Page['_meta'] };
}

async function* pages(read: (cursor: object) => Promise<Page>): AsyncGenerator<Page> {
  let cursor: string | undefined;
  for (let count = 0; count < MOST_PAGES; count++) {
    const page = await read(cursor === undefined ? {} : { cursor });
    yield page;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}

/** As the gateway writes names of several servers: `server__tool`, `server+scheme://…`, `ui://server/…`. */
function serverOf({ kind, name }: Listed): string | undefined {
  if (kind === 'tool' || kind === 'prompt') return /^([a-z\d][a-z\d.-]*?)__./.exec(name)?.[1];
  return (/^ui:\/\/([^/]+)\//.exec(name) ?? /^([a-z\d][a-z\d.-]*)\+[a-z]/i.exec(name))?.[1];
}

async function call({ client, timeout }: Connected, asked: ReturnType<typeof argumentsOf>, json: boolean): Promise<number> {
  const result = await client.callTool(asked, undefined, { timeout, resetTimeoutOnProgress: true });
  const failed = result.isError === true;
  if (json) print(result);
  else process.stdout.write(`${(result.content as readonly Record<string, unknown>[]).map(contentText).join('\n')}\n`);
  if (failed) process.stderr.write(`${asked.name} says that it failed\n`);
  return failed ? 1 : 0;
}

/** Text as it is; all else by what it is, and how much. */
function contentText(content: Readonly<Record<string, unknown>>): string {
  const { type, text, data, mimeType } = content;
  if (type === 'text') return String(text);
  if (typeof data === 'string') return `(${String(type)}, ${String(mimeType)}, ${Buffer.from(data, 'base64').length} bytes)`;
  return JSON.stringify(content);
}

/** Revisions by dates: the first one without sessions. */
const MODERN = '2026-07-28';

function inspect({ client, head, protocolVersion }: Connected, json: boolean): void {
  const era = (protocolVersion ?? '') >= MODERN ? 'modern (stateless)' : 'legacy (sessions)';
  const headers = Object.fromEntries([...head].filter(([name]) => name !== 'mcp-session-id' && name !== 'set-cookie'));
  const told = {
    era,
    protocolVersion,
    session: head.has('mcp-session-id'),
    server: client.getServerVersion(),
    capabilities: client.getServerCapabilities(),
    instructions: client.getInstructions(),
    headers,
  };
  if (json) {
    print(told);
    return;
  }
  const { name = '', version = '' } = told.server ?? {};
  const rows = [
    ['server', `${name} ${version}`],
    ['era', era],
    ['protocol', protocolVersion ?? ''],
    ['session', told.session ? 'yes' : 'no'],
    ['capabilities', JSON.stringify(told.capabilities ?? {})],
    ...(told.instructions === undefined ? [] : [['instructions', told.instructions.replaceAll('\n', ' ')]]),
    ...Object.entries(headers).map(([header, value]) => [`> ${header}`, value]),
  ];
  process.stdout.write(tableText(rows));
}

function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

function firstLine(text: string): string {
  const [line = ''] = text.trim().split('\n', 1);
  return line.length > 100 ? `${line.slice(0, 99)}…` : line;
}

function listOf(value: unknown): string[] {
  return Array.isArray(value) ? value.map(String) : [];
}

function failure(error: unknown, url: string): Error {
  if (error instanceof CommandError || error instanceof UsageError) return error;
  const { message, cause } = error as Error;
  const code = (cause as { code?: string } | undefined)?.code;
  return new CommandError(`${URL.parse(url)?.origin ?? url}: ${code === undefined ? message : `${message} (${code})`}`, { cause: error });
}
