import { GatewayError } from '../errors.ts';
import { type JsonObjectScan, JsonSyntaxError, scanObject } from '../json/scan.ts';

import type { ApiEndpoint } from './endpoints.ts';

/** What the gateway reads of a JSON request; all else passes by untouched. */
export interface JsonRequest {
  readonly scan: JsonObjectScan;
  readonly model: string;
  readonly stream: boolean;
  /** Whether the client asked for usage in its stream (`stream_options.include_usage`). */
  readonly wantsUsage: boolean;
}

/** Nested arrays and objects in a body: deeper ones are an attack, not a tool schema. */
export const MAX_DEPTH = 128;
/** Read here and by the backend: two of one name could be read differently. */
const READ = ['model', 'stream', 'stream_options'];

/** @throws GatewayError TK_BAD_JSON, TK_MODEL_REQUIRED */
export function readJson(body: Buffer, endpoint: ApiEndpoint): JsonRequest {
  let scan: JsonObjectScan;
  try {
    scan = scanObject(body, { maxDepth: MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    throw new GatewayError(
      'TK_BAD_JSON',
      body.length === 0 ? 'the body is empty; a JSON object is needed' : `the body is no JSON object: ${error.message}`,
    );
  }
  const twice = scan.duplicates.find((name) => READ.includes(name));
  if (twice !== undefined) throw new GatewayError('TK_BAD_JSON', `the body has "${twice}" twice`, { param: twice });
  const model = scan.string('model');
  if (model === undefined || model === '') {
    const has = scan.has('model') ? '"model" must be a string that is not empty' : 'the body has no "model"';
    throw new GatewayError('TK_MODEL_REQUIRED', has, { param: 'model' });
  }
  const streamType = scan.type('stream');
  if (streamType !== undefined && streamType !== 'true' && streamType !== 'false' && streamType !== 'null') {
    throw new GatewayError('TK_BAD_JSON', '"stream" must be true or false', { param: 'stream' });
  }
  const stream = endpoint.stream !== undefined && streamType === 'true';
  return { scan, model, stream, wantsUsage: stream && endpoint.asksForUsage && asksForUsage(scan) };
}

function asksForUsage(scan: JsonObjectScan): boolean {
  if (scan.type('stream_options') !== 'object') return false;
  return (scan.parse('stream_options') as Record<string, unknown>)['include_usage'] === true;
}
