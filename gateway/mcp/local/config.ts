import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

import { isHeaderValue, isToken } from '#core/http/sendable';
import { isObject } from '#core/is-object';
import { JsonSyntaxError, scanValue } from '#core/json/scan';
import { didYouMean } from '#core/resources/nearest';

import { expandVariables, type Variables } from './variables.ts';

/** A server that is a program of this machine. */
export interface StdioServer {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  /** What must not be in a log. */
  readonly secrets: readonly string[];
}

/** A server of the network that speaks the transport of 2024-11-05. */
export interface SseServer {
  readonly name: string;
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Servers that the gateway does not call itself. */
export type BridgedServer = StdioServer | SseServer;

/** A server of the network. */
export interface UrlServer {
  readonly name: string;
  readonly url: URL;
  readonly header: { readonly name: string; readonly value: string } | undefined;
}

export interface McpConfig {
  readonly bridged: readonly BridgedServer[];
  readonly urls: readonly UrlServer[];
  /** What the file says to clients alone, and what it turns off: a line each. */
  readonly notices: readonly string[];
}

/** Every problem of a file, a line each: file, server, field, reason. No value of the file is in it. */
export class InvalidMcpConfig extends Error {
  override readonly name = 'InvalidMcpConfig';
}

/**
 * Reads the JSON by which MCP clients name their servers: `mcpServers` as Claude has it, `servers` as VS Code has it.
 *
 * @throws InvalidMcpConfig
 * @see https://code.claude.com/docs/en/mcp
 * @see https://code.visualstudio.com/docs/copilot/reference/mcp-configuration
 */
export function readMcpConfig(file: string, env: Variables): McpConfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    throw new InvalidMcpConfig(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
  return parseMcpConfig(text, file, env);
}

/** @param file of messages; relative folders begin where it lies. @throws InvalidMcpConfig */
export function parseMcpConfig(text: string, file: string, env: Variables): McpConfig {
  const reader = new ConfigReader(file, env);
  for (const [name, server] of reader.servers(text)) reader.read(name, server);
  if (reader.problems.length > 0) throw new InvalidMcpConfig(reader.problems.join('\n'));
  const { bridged, urls, notices } = reader;
  if (bridged.length + urls.length === 0) throw new InvalidMcpConfig(`${file}: it names no server`);
  return { bridged, urls, notices };
}

const STDIO = ['type', 'command', 'args', 'env', 'cwd'];
const HTTP = ['type', 'url', 'headers'];
/** What only clients act on, or people read. */
const OF_CLIENTS = new Set(['disabled', 'description', 'autoApprove', 'alwaysAllow', 'gallery', 'version']);
const HTTP_TYPES = new Set(['http', 'sse', 'streamable-http', 'streamableHttp']);
/** Of a Kubernetes object: tools are called by it. */
const NAME = /^[a-z\d](?:[a-z\d-]{0,61}[a-z\d])?$/;
/** Folders and people: no secrets. */
const PUBLIC = new Set(['HOME', 'USER', 'LOGNAME', 'PWD', 'PATH', 'SHELL', 'TMPDIR', 'USERPROFILE', 'USERNAME']);
/** Characters of a value that is looked for in logs. */
const LEAST_SECRET = 6;

class ConfigReader {
  readonly bridged: BridgedServer[] = [];
  readonly urls: UrlServer[] = [];
  readonly notices: string[] = [];
  readonly problems: string[] = [];
  readonly #file: string;
  readonly #env: Variables;
  readonly #names = new Map<string, string>();

  constructor(file: string, env: Variables) {
    this.#file = file;
    this.#env = env;
  }

  servers(text: string): [string, unknown][] {
    const bytes = Buffer.from(text);
    try {
      // JSON.parse would quote the file in its message.
      scanValue(bytes);
    } catch (error) {
      if (!(error instanceof JsonSyntaxError)) throw error;
      const line = bytes.subarray(0, error.offset).toString().split('\n').length;
      this.problems.push(`${this.#file}:${line}: it is not JSON (comments and commas at the end of a list are none either)`);
      return [];
    }
    const json: unknown = JSON.parse(text);
    const fields = isObject(json) ? json : {};
    const servers = fields['mcpServers'] ?? fields['servers'];
    if (isObject(servers)) return Object.entries(servers);
    this.problems.push(`${this.#file}: mcpServers (or servers, as VS Code has it) must be an object with a server for each name`);
    return [];
  }

  read(given: string, server: unknown): void {
    const name = this.#nameOf(given);
    if (!isObject(server)) return this.#report(given, '', 'it must be an object with command, or with url');
    if (server['disabled'] === true) return void this.notices.push(`${this.#file}: ${given} is disabled there`);
    const isProgram = server['command'] !== undefined;
    if (isProgram === (server['url'] !== undefined)) return this.#report(given, '', 'it must have either command or url');
    this.#fields(given, server, isProgram ? STDIO : HTTP);
    this.#type(given, server['type'], isProgram);
    if (isProgram) this.#program(given, name, server);
    else this.#remote(given, name, server);
  }

  #program(given: string, name: string, server: Readonly<Record<string, unknown>>): void {
    const secrets = new Set<string>();
    const text = (value: unknown, field: string): string => this.#text(given, field, value, secrets);
    const command = text(server['command'], 'command');
    const args = this.#list(given, server['args']).map((value, index) => text(value, `args[${index}]`));
    const env = Object.fromEntries(this.#map(given, 'env', server['env']).map(([key, value]) => [key, text(value, `env.${key}`)]));
    const cwd = resolve(dirname(this.#file), server['cwd'] === undefined ? '.' : text(server['cwd'], 'cwd'));
    for (const value of Object.values(env)) secrets.add(value);
    this.bridged.push({ name, command, args, env, cwd, secrets: [...secrets].filter((value) => value.length >= LEAST_SECRET) });
  }

  #remote(given: string, name: string, server: Readonly<Record<string, unknown>>): void {
    const url = URL.parse(this.#text(given, 'url', server['url']));
    if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '' || url.hash !== '')
      return this.#report(given, 'url', 'it must be an http or https URL without user, password and fragment');
    const headers = this.#map(given, 'headers', server['headers']);
    if (server['type'] === 'sse') return this.#sse(given, name, url, headers);
    if (headers.length > 1) return this.#report(given, 'headers', 'a server gets one header of its own in this release; there are several');
    const [header] = headers.map(([key, value]) => this.#header(given, key, value));
    this.urls.push({ name, url, header });
  }

  #sse(given: string, name: string, url: URL, headers: readonly [string, unknown][]): void {
    const pairs = headers.map(([key, value]) => this.#header(given, key, value)).map((header) => [header.name, header.value] as const);
    this.bridged.push({ name, url, headers: Object.fromEntries(pairs) });
  }

  #header(given: string, name: string, value: unknown): { readonly name: string; readonly value: string } {
    const header = { name, value: this.#text(given, `headers.${name}`, value) };
    if (!isToken(name) || !isHeaderValue(header.value))
      this.#report(given, `headers.${name}`, 'its name or value has a character that no header can have');
    return header;
  }

  #nameOf(given: string): string {
    const name = given
      .toLowerCase()
      .replaceAll(/[^a-z\d]+/g, '-')
      .replaceAll(/^-|-$/g, '');
    const other = this.#names.get(name);
    if (!NAME.test(name)) this.#report(given, '', 'its name needs 1 to 63 letters, digits and dashes');
    else if (other !== undefined) this.#report(given, '', `it would be called "${name}", as "${other}" is`);
    this.#names.set(name, given);
    return name;
  }

  #fields(given: string, server: Readonly<Record<string, unknown>>, known: readonly string[]): void {
    for (const field of Object.keys(server)) {
      if (known.includes(field)) continue;
      if (OF_CLIENTS.has(field)) this.notices.push(`${this.#file}: ${given}: ${field} has no effect here`);
      else this.#report(given, field, `this field is not known${didYouMean(field, known)}`);
    }
  }

  #type(given: string, type: unknown, isProgram: boolean): void {
    if (type === undefined || (isProgram ? type === 'stdio' : HTTP_TYPES.has(type as string))) return;
    this.#report(given, 'type', `it must be ${isProgram ? '"stdio" beside command' : '"http" or "sse" beside url'}`);
  }

  #list(given: string, value: unknown): readonly unknown[] {
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.#report(given, 'args', 'it must be a list of strings');
    return [];
  }

  #map(given: string, field: string, value: unknown): [string, unknown][] {
    if (value === undefined) return [];
    if (isObject(value)) return Object.entries(value);
    this.#report(given, field, 'it must be an object of strings');
    return [];
  }

  /** A string with its variables in place. */
  #text(given: string, field: string, value: unknown, secrets = new Set<string>()): string {
    if (typeof value !== 'string' || value === '') {
      if (value !== '' || (!field.startsWith('args') && !field.startsWith('env'))) this.#report(given, field, 'it must be a string');
      return '';
    }
    const { text, used, problem } = expandVariables(value, this.#env);
    if (problem !== undefined) this.#report(given, field, problem);
    for (const [variable, is] of used) if (!PUBLIC.has(variable)) secrets.add(is);
    if (text.includes('\0')) this.#report(given, field, 'it has a null character');
    return text;
  }

  #report(given: string, field: string, message: string): void {
    this.problems.push(`${this.#file}: ${given}${field === '' ? '' : `: ${field}`}: ${message}`);
  }
}
