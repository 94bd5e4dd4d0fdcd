import { object, oneOf, type Static, Type } from '../schema.ts';

/** The API that a backend speaks. */
export const VersionedAPISchema = object({
  name: oneOf(['OpenAI', 'AzureOpenAI', 'Anthropic', 'Cohere', 'AWSBedrock', 'AWSAnthropic', 'GCPVertexAI', 'GCPAnthropic']),
  /** Version of the API: `api-version` of AzureOpenAI, `anthropic_version` of AWSAnthropic and GCPAnthropic. */
  version: Type.Optional(Type.String()),
  /** What the API's paths begin with, with or without a slash: `v1beta/openai`. */
  prefix: Type.Optional(Type.String()),
});
export type VersionedAPISchema = Static<typeof VersionedAPISchema>;
