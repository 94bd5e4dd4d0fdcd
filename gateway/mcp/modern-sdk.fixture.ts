// For tests: the official client of the modern line, where it is found. It is a real part: MCP_CLIENT_SDK names the folder of the package.
import { existsSync } from 'node:fs';
import { join } from 'node:path';

type Json = Readonly<Record<string, unknown>>;

interface Options {
  readonly onprogress?: (progress: { readonly progress: number }) => void;
  readonly signal?: AbortSignal;
}

export interface Content {
  readonly content: readonly { readonly type: string; readonly text?: string }[];
  readonly isError?: boolean;
}

/** What the tests use of it. */
export interface ModernClient {
  connect(transport: object): Promise<void>;
  setRequestHandler(method: string, handler: (request: { readonly params: Json }) => object): void;
  setNotificationHandler(method: string, handler: (notification: { readonly params: Json }) => void): void;
  getNegotiatedProtocolVersion(): string | undefined;
  getServerCapabilities(): Json | undefined;
  listTools(): Promise<{ readonly tools: readonly { readonly name: string }[] }>;
  callTool(params: { readonly name: string; readonly arguments?: Json }, options?: Options): Promise<Content>;
  listResources(): Promise<{ readonly resources: readonly { readonly uri: string }[] }>;
  readResource(params: { readonly uri: string }): Promise<{ readonly contents: readonly Json[] }>;
  listPrompts(): Promise<{ readonly prompts: readonly { readonly name: string }[] }>;
  getPrompt(params: { readonly name: string; readonly arguments?: Json }): Promise<{ readonly messages: readonly Json[] }>;
  complete(params: { readonly ref: Json; readonly argument: Json }): Promise<{ readonly completion: Json }>;
  listen(filter: Json): Promise<{ readonly honoredFilter: Json; close(): Promise<void> }>;
  close(): Promise<void>;
}

export interface ModernSdk {
  readonly Client: new (info: Json, options: Json) => ModernClient;
  readonly StreamableHTTPClientTransport: new (url: URL) => object;
}

const folder = process.env['MCP_CLIENT_SDK'] ?? '';

export const hasModernSdk = folder !== '' && existsSync(join(folder, 'dist/index.mjs'));

export async function modernSdk(): Promise<ModernSdk> {
  return (await import(join(folder, 'dist/index.mjs'))) as ModernSdk;
}
