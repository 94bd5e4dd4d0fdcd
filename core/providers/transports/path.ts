import { GatewayError } from '../../errors.ts';

import type { Schema } from '../target.ts';

/** Path and query of an operation at a backend, by the API that the backend speaks. `below` is absolute, or below the schema's prefix. */
export function upstreamPath(schema: Schema, below: string, model: string, query: string): string {
  if (schema.name === 'AzureOpenAI') return azurePath(schema, below, model);
  if (below.startsWith('/')) return below + query;
  // Cohere's version is a part of its path.
  const prefix = schema.name === 'Cohere' ? `${schema.prefix ?? ''}/${schema.version ?? 'v2'}` : (schema.prefix ?? 'v1');
  return `/${prefix}/${below}`.replaceAll(/\/{2,}/g, '/') + query;
}

/** @see https://learn.microsoft.com/azure/ai-services/openai/reference */
function azurePath(schema: Schema, below: string, model: string): string {
  const version = `?api-version=${encodeURIComponent(schema.version ?? '')}`;
  if (below.startsWith('responses')) return `/openai/${below}${version}`;
  // A deployment's name is one segment: whatever a client puts into `model` must stay one.
  const deployment = model.isWellFormed() ? encodeURIComponent(model) : '.';
  if (deployment === '.' || deployment === '..')
    throw new GatewayError('TK_BAD_REQUEST', '"model" is no name of a deployment', { param: 'model' });
  return `/openai/deployments/${deployment}/${below}${version}`;
}
