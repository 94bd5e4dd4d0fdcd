import { dump } from 'js-yaml';

import type { ReportedTool, ToolReport } from '../gateway/mcp/engine/tool-report.ts';
import { differences } from '../gateway/mcp/tools/difference.ts';
import { CommandError, UsageError } from './command.ts';
import { headersOf } from './mcp-client.ts';

/** One command line of `tierkit mcp lock`. */
export interface McpLockCommandLine {
  readonly admin: string;
  /** `namespace/name`; undefined: all. */
  readonly route: string | undefined;
  /** `NAME: VALUE`. */
  readonly headers: readonly string[];
  readonly timeoutMs: number;
  readonly check: boolean;
}

/** Prints the lock of what a running gateway's servers say of their tools now, or how it differs from the one that holds. @returns the exit code */
export async function runMcpLock(line: McpLockCommandLine): Promise<number> {
  const reports = await ask(line);
  const away = reports.filter(({ problem }) => problem !== undefined);
  if (line.check) return check(reports);
  // A lock without a server would let it say what it likes.
  if (away.length > 0) throw new CommandError(`no lock is written: ${away.map(awayText).join('; ')}`);
  const unlockable = reports.flatMap(({ server, tools }) =>
    tools.flatMap(({ name, definition }) => (definition === undefined ? [`${name} of ${server}`] : [])),
  );
  for (const each of unlockable)
    process.stderr.write(`${each} cannot be locked, and stays locked out: it has more than 64 KiB, or a member twice\n`);
  const routes = Map.groupBy(reports, ({ route }) => route);
  process.stdout.write([...routes].map(([route, servers]) => lockText(route, servers)).join('---\n'));
  return 0;
}

async function ask({ admin, route, headers, timeoutMs }: McpLockCommandLine): Promise<ToolReport[]> {
  const url = URL.parse('/mcp/tools', admin);
  if (url === null) throw new UsageError(`--admin must be a URL such as http://127.0.0.1:1064, not "${admin}"`);
  if (route !== undefined) url.searchParams.set('route', route);
  let response: Response;
  try {
    response = await fetch(url, { headers: headersOf(headers), signal: AbortSignal.timeout(timeoutMs) });
  } catch (error) {
    throw new CommandError(`no tier one answers at ${admin}; is it running, and is this its admin address?`, { cause: error });
  }
  const body: unknown = await response.json().catch(() => undefined);
  if (!response.ok || !Array.isArray(body)) throw new CommandError(`${admin} answered ${response.status} to ${url.pathname}`);
  if (body.length === 0)
    throw new CommandError(route === undefined ? 'the gateway has no MCPRoute' : `the gateway has no MCPRoute ${route}`);
  return body as ToolReport[];
}

function lockText(place: string, servers: readonly ToolReport[]): string {
  const [namespace, name] = place.split('/') as [string, string];
  const lock = {
    apiVersion: 'tierkit.dev/v1alpha1',
    kind: 'MCPToolLock',
    metadata: { name, namespace },
    spec: {
      targetRef: { kind: 'MCPRoute', name },
      servers: servers.map(({ server, tools }) => ({ name: server, tools: lockedOf(tools) })),
    },
  };
  return dump(lock, { lineWidth: -1, noRefs: true });
}

/** By name: the order of a server is no part of the lock. */
function lockedOf(tools: readonly ReportedTool[]): { readonly name: string; readonly definition: string }[] {
  return tools
    .flatMap(({ name, definition }) => (definition === undefined ? [] : [{ name, definition }]))
    .sort((one, other) => (one.name < other.name ? -1 : 1));
}

function check(reports: readonly ToolReport[]): number {
  const lines = reports.flatMap(linesOf);
  process.stdout.write(lines.length === 0 ? 'all tools are what was accepted\n' : `${lines.join('\n')}\n`);
  return lines.length === 0 ? 0 : 1;
}

function linesOf(report: ToolReport): string[] {
  const { route, server, locked, tools, gone } = report;
  const of = `${server} of ${route}`;
  if (report.problem !== undefined) return [awayText(report)];
  if (!locked) return [`${of} is not locked`];
  return [...tools.flatMap((tool) => toolLines(tool, of)), ...gone.map((name) => `- ${name} of ${of}: accepted, and not there any more`)];
}

function toolLines({ name, standing, definition, accepted }: ReportedTool, of: string): string[] {
  if (standing === 'accepted') return [];
  if (definition === undefined) return [`! ${name} of ${of}: cannot be locked, it has more than 64 KiB or a member twice`];
  if (accepted === undefined) return [`+ ${name} of ${of}: nobody has accepted it`, ...definition.split('\n').map((line) => `    ${line}`)];
  const places = differences(JSON.parse(accepted), JSON.parse(definition));
  return [
    `~ ${name} of ${of}: is not what was accepted`,
    ...places.flatMap(({ path, before, after }) => [
      `    ${path}`,
      ...(before === undefined ? [] : [`    - ${JSON.stringify(before)}`]),
      ...(after === undefined ? [] : [`    + ${JSON.stringify(after)}`]),
    ]),
  ];
}

function awayText({ server, route, problem }: ToolReport): string {
  return `${server} of ${route} could not be asked: ${problem}`;
}
