import type { FastifyInstance } from 'fastify';

import type { Admission } from './admit/admission.ts';
import { StoreUnavailable } from './admit/store/store.ts';

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
