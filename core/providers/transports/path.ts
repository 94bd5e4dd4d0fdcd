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

/** What a provider has beside the paths of its schema. @param path below the prefix */
export function besidePrefix({ prefix = '' }: Schema, path: string): string {
  return `/${prefix}/${path}`.replaceAll(/\/{2,}/g, '/');
}

/** @see https://learn.microsoft.com/azure/ai-services/openai/reference */
function azurePath(schema: Schema, below: string, model: string): string {
  const version = `?api-version=${encodeURIComponent(schema.version ?? '')}`;
  if (below.startsWith('responses')) return `/openai/${below}${version}`;
  return `/openai/deployments/${modelSegment(model)}/${below}${version}`;
}

/** A name of a model, or of a deployment, is one segment: whatever a client puts into `model` must stay one. @throws GatewayError TK_BAD_REQUEST */
function modelSegment(model: string): string {
  const segment = model.isWellFormed() ? encodeURIComponent(model) : '.';
  if (segment === '.' || segment === '..')
    throw new GatewayError('TK_BAD_REQUEST', '"model" is no name of a deployment or of a model', { param: 'model' });
  return segment;
}

/** @see https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.publishers.models */
export function vertexPath(place: VertexPlace, publisher: 'google' | 'anthropic', model: string, method: string): string {
  const { project, region } = place;
  // Versions of Claude stand behind an "@".
  const segment = modelSegment(model).replace('%40', '@');
  return `/v1/projects/${encodeURIComponent(project)}/locations/${encodeURIComponent(region)}/publishers/${publisher}/models/${segment}:${method}`;
}

/** Rankings are of no region. @see https://cloud.google.com/generative-ai-app-builder/docs/ranking */
export function rankingPath({ project }: VertexPlace, method: string): string {
  return `/v1/projects/${encodeURIComponent(project)}/locations/global/rankingConfigs/default_ranking_config:${method}`;
}

export interface VertexPlace {
  readonly project: string;
  readonly region: string;
}

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_Operations_Amazon_Bedrock_Runtime.html */
export function bedrockPath(model: string, operation: string): string {
  return `/model/${modelSegment(model)}/${operation}`;
}
