import type { IncomingHttpHeaders } from 'node:http';

import type { McpRule, McpTarget } from '#core/route/mcp-rule';

import { compileToolSelector } from '../names/selector.ts';
import type { Standing } from '../tools/book.ts';
import { textOf } from '../tools/definition.ts';
import { toolsOf } from '../tools/read.ts';
import { ServerFailed } from '../upstream/failed.ts';
import { endSession } from '../upstream/initialize.ts';
import { headersFor } from '../upstream/server.ts';
import { LEGACY_VERSIONS, isModernVersion } from '../wire/versions.ts';
import { modernMeta, modernTools } from './adapt.ts';
import type { EngineOptions } from './parts.ts';
import { openEither } from './sessions.ts';

/** What a server says of its tools now, beside what was accepted. */
export interface ToolReport {
  /** `namespace/name` of the MCPRoute. */
  readonly route: string;
  readonly server: string;
  /** Whether an MCPToolLock names the server. */
  readonly locked: boolean;
  readonly tools: readonly ReportedTool[];
  /** Accepted, and not there. */
  readonly gone: readonly string[];
  /** Why the server did not say. */
  readonly problem?: string;
}

export interface ReportedTool {
  readonly name: string;
  readonly standing: Standing;
  /** As a lock has it. Undefined: no lock can. */
  readonly definition: string | undefined;
  /** What was accepted in its place. */
  readonly accepted?: string | undefined;
}

export interface ToolReportOptions extends Pick<EngineOptions, 'limits' | 'serverInfo'> {
  /** Of who asks: what servers get of a client's. */
  readonly headers: IncomingHttpHeaders;
}

/** @param route `namespace/name` */
export function reportTools(route: string, { targets }: McpRule, options: ToolReportOptions): Promise<readonly ToolReport[]> {
  return Promise.all(targets.map((target) => reportOf(route, target, options)));
}

async function reportOf(route: string, target: McpTarget, options: ToolReportOptions): Promise<ToolReport> {
  const { name: server, lock } = target;
  const report = { route, server, locked: lock !== undefined };
  // Nobody calls here whose token could be exchanged.
  if (target.exchange !== undefined) return { ...report, tools: [], gone: [], problem: 'it is called in the name of callers alone' };
  try {
    const tools = await readTools(target, options);
    const names = new Set(tools.map(({ name }) => name));
    return { ...report, tools, gone: [...(lock?.keys() ?? [])].filter((name) => !names.has(name)) };
  } catch (error) {
    if (!(error instanceof ServerFailed)) throw error;
    return { ...report, tools: [], gone: [], problem: error.message };
  }
}

async function readTools(target: McpTarget, { limits, serverInfo, headers: client }: ToolReportOptions): Promise<ReportedTool[]> {
  const isShown = compileToolSelector(target.tools);
  const { fanOutMs, maxAnswerBytes } = limits;
  const headers = headersFor(target, client);
  const call = { headers, signal: AbortSignal.timeout(fanOutMs), headMs: fanOutMs, idleMs: fanOutMs, maxBytes: maxAnswerBytes };
  const hello = { clientInfo: JSON.stringify(serverInfo), capabilities: '{}' };
  const session = await openEither(target, { ...call, ...hello, protocolVersion: LEGACY_VERSIONS[0] });
  const asking = isModernVersion(session.protocolVersion)
    ? modernTools(call, modernMeta({ ...hello, logLevel: undefined }))
    : { ...call, ...session, meta: [] };
  const tools: ReportedTool[] = [];
  try {
    for await (const { name, entry } of toolsOf(target, asking)) if (isShown(name)) tools.push(toolOf(name, textOf(entry), target));
    return tools;
  } finally {
    void endSession(target, session, headers);
  }
}

function toolOf(name: string, definition: string | undefined, { lock }: McpTarget): ReportedTool {
  if (lock === undefined) return { name, standing: 'accepted', definition };
  const accepted = lock.get(name);
  if (accepted === undefined) return { name, standing: 'new', definition };
  return accepted === definition ? { name, standing: 'accepted', definition } : { name, standing: 'changed', definition, accepted };
}
