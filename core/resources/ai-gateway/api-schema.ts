import { object, oneOf, type Static, Type } from '../schema.ts';

/** The API that a backend speaks. */
export const VersionedAPISchema = object({
  name: oneOf(['OpenAI', 'AzureOpenAI', 'Anthropic', 'Cohere', 'AWSAnthropic', 'GCPVertexAI', 'GCPAnthropic']),
  /** Version of the API: `api-version` of AzureOpenAI, `anthropic_version` of AWSAnthropic and GCPAnthropic. */
  version: Type.Optional(Type.String()),
  /** What the API's paths begin with, with or without a slash: `v1beta/openai`. */
  prefix: Type.Optional(Type.String()),
});
export type VersionedAPISchema = Static<typeof VersionedAPISchema>;

const LATER = 'translation to this API comes with the providers release';

/** The refused names of a schema at `path`. */
export function refusedSchemas(path: string): Record<string, string> {
  return Object.fromEntries(['AWSBedrock'].map((name) => [`${path}.name=${name}`, LATER]));
}
