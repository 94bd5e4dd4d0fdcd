import type { FastifyInstance } from 'fastify';

import { NANOS_PER_UNIT } from '#core/money/units';
import type { McpRule } from '#core/route/mcp-rule';
import type { Limits } from '#core/serve/status/feed';

import type { Admission } from './admit/admission.ts';
import type { CountReport } from './admit/seen.ts';
import { StoreUnavailable } from './admit/store/store.ts';
import { reportTools, type ToolReportOptions } from './mcp/engine/tool-report.ts';

interface Question {
  /** Part of a limit's or budget's name. */
  readonly name?: string;
  /** Whose count, in full. */
  readonly subject?: string;
}

/** What an operator asks of limits and budgets: /limits, how the counts stand that requests have lately gone to. */
export function limitRoutes(app: FastifyInstance, admission: Admission): void {
  app.get<{ Querystring: Question }>('/limits', async ({ query }, reply) => {
    const { name = '', subject } = query;
    try {
      return await admission.report((seen) => seen.name.includes(name) && (subject === undefined || seen.subject === subject));
    } catch (error) {
      if (error instanceof StoreUnavailable) return reply.code(503).send({ error: error.message });
      throw error;
    }
  });
}

/** What an operator asks of MCP servers: /mcp/tools, what they say of their tools now. Servers get of the question what they get of a client. */
export function toolRoutes(
  app: FastifyInstance,
  rules: () => ReadonlyMap<string, McpRule>,
  options: Omit<ToolReportOptions, 'headers'>,
): void {
  app.get<{ Querystring: { readonly route?: string } }>('/mcp/tools', async ({ query, headers }) => {
    const asked = [...rules()].filter(([name]) => query.route === undefined || query.route === name);
    return (await Promise.all(asked.map(([name, rule]) => reportTools(name, rule, { ...options, headers })))).flat();
  });
}

const NANOS = 1_000_000_000;

/** Limits and budgets for the status page: of the counts that fit, the first ones. @throws StoreUnavailable */
export async function limitStates(admission: Admission, filter: string, most: number): Promise<Limits> {
  let fitting = 0;
  const counts = await admission.report(({ name, subject }) => (name.includes(filter) || subject.includes(filter)) && fitting++ < most);
  return { counts: counts.map((count) => ({ ...count, scale: scaleOf(count) })), leftOff: Math.max(0, fitting - most) };
}

/** Units of money are parts of the currency. */
function scaleOf({ name, unit }: CountReport): number {
  return name.startsWith('Budget ') && unit !== 'tokens' ? NANOS / NANOS_PER_UNIT : 1;
}
