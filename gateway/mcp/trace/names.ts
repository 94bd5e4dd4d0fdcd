import { METHODS } from '../wire/methods.ts';
import type { About } from './record.ts';

/** A method that is none of MCP: a client could make up any number of names. */
export const OTHER = '_OTHER';

/** What the reference calls the spans of methods. Others are called by their methods. */
const REFERENCE: Readonly<Record<string, string>> = {
  initialize: 'Initialize',
  'tools/list': 'ListTools',
  'tools/call': 'CallTool',
  'prompts/list': 'ListPrompts',
  'prompts/get': 'GetPrompt',
  'resources/list': 'ListResources',
  'resources/read': 'ReadResource',
  'resources/subscribe': 'Subscribe',
  'resources/unsubscribe': 'Unsubscribe',
  'resources/templates/list': 'ListResourceTemplates',
  'logging/setLevel': 'SetLoggingLevel',
  'completion/complete': 'Complete',
  ping: 'Ping',
};

export function knownMethod(method: string): string {
  return METHODS.has(method) ? method : OTHER;
}

/** The reference's name of the span of a method. */
export function referenceName(method: string): string {
  return Object.hasOwn(REFERENCE, method) ? REFERENCE[method]! : knownMethod(method);
}

/** By OpenTelemetry's conventions: the method, and the tool or prompt. */
export function conventionName(method: string, { tool, prompt }: About): string {
  const target = tool ?? prompt;
  return target === undefined ? knownMethod(method) : `${knownMethod(method)} ${target.slice(0, 200)}`;
}
