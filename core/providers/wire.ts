import type { IncomingHttpHeaders } from 'node:http';

import { removeHeaders } from '../http/headers.ts';
import type { Edit } from '../json/edit.ts';
import type { TranslatedDialect } from '../llm/codecs.ts';
import type { BackendApi } from '../read/endpoints.ts';
import type { ChatWords } from './chat-words.ts';
import type { BytesOnly } from './media/wanted.ts';
import type { AiTarget } from './target.ts';
import { bedrockPath, besidePrefix, upstreamPath, vertexPath } from './transports/path.ts';

/** How backends of an API are asked for a conversation, whatever API the client speaks. */
export interface Wire {
  readonly dialect: TranslatedDialect;
  /** Path and query. @throws GatewayError TK_BAD_REQUEST */
  path(target: AiTarget, model: string, stream: boolean): string;
  /** What the body of the dialect says in another way here. */
  edits?(target: AiTarget, client: IncomingHttpHeaders): readonly Edit[];
  /** Headers, in lower case, that {@link edits} has put into the body. */
  readonly inBody?: ReadonlySet<string>;
  /** That the API wants of who does not speak it. Flat: name, value, … */
  readonly headers?: readonly string[];
  /** Of chat completions, where all servers of the API have the same. @default those of the backend */
  readonly words?: ChatWords;
  /** What the API takes as bytes alone, and no address of. */
  readonly bytesOnly: BytesOnly;
  /** How a stream is framed. @default Server-Sent Events */
  readonly framing?: 'aws' | undefined;
}

/** Every request to the API has to name its version. @see https://docs.anthropic.com/en/api/versioning */
export const ANTHROPIC_HEADERS: readonly string[] = ['anthropic-version', '2023-06-01'];
export const VERTEX_CLAUDE_VERSION = 'vertex-2023-10-16';
export const BEDROCK_CLAUDE_VERSION = 'bedrock-2023-05-31';

const ALL_MEDIA: BytesOnly = new Set(['image', 'audio', 'video', 'file']);

const CHAT: Wire = {
  dialect: 'openai-chat',
  path: ({ schema }, model) => upstreamPath(schema, 'chat/completions', model, ''),
  bytesOnly: new Set(['audio', 'file']),
};
const RESPONSES: Wire = {
  dialect: 'openai-responses',
  path: ({ schema }, model) => upstreamPath(schema, 'responses', model, ''),
  bytesOnly: new Set(['audio']),
};
const MESSAGES: Wire = {
  dialect: 'anthropic-messages',
  path: ({ schema }, model) => upstreamPath(schema, 'messages', model, ''),
  bytesOnly: new Set(),
  headers: ANTHROPIC_HEADERS,
};
/**
 * Its own API is not chat completions', but it has these beside it, and refuses to be asked for usage.
 * @see https://docs.cohere.com/docs/compatibility-api
 */
const COHERE_CHAT: Wire = {
  dialect: 'openai-chat',
  path: ({ schema }) => besidePrefix(schema, 'compatibility/v1/chat/completions'),
  bytesOnly: new Set(['audio', 'file']),
  edits: () => [{ remove: 'stream_options' }],
  words: { asksForUsage: false, outputLimit: 'max_tokens' },
};
const VERTEX_GEMINI: Wire = {
  dialect: 'gemini',
  path: ({ credential }, model, stream) =>
    vertexPath(credential!.gcp!, 'google', model, stream ? 'streamGenerateContent?alt=sse' : 'generateContent'),
  bytesOnly: new Set(),
};
/** @see https://docs.anthropic.com/en/api/claude-on-vertex-ai */
const VERTEX_CLAUDE: Wire = {
  dialect: 'anthropic-messages',
  path: ({ credential }, model, stream) => vertexPath(credential!.gcp!, 'anthropic', model, stream ? 'streamRawPredict' : 'rawPredict'),
  bytesOnly: ALL_MEDIA,
  edits: ({ schema }) => [
    { remove: 'model' },
    { set: 'anthropic_version', value: JSON.stringify(schema.version ?? VERTEX_CLAUDE_VERSION) },
  ],
  headers: ANTHROPIC_HEADERS,
};
/** @see https://docs.aws.amazon.com/bedrock/latest/userguide/model-parameters-anthropic-claude-messages.html */
const BEDROCK_CLAUDE: Wire = {
  dialect: 'anthropic-messages',
  path: (_, model, stream) => bedrockPath(model, stream ? 'invoke-with-response-stream' : 'invoke'),
  bytesOnly: ALL_MEDIA,
  edits: ({ schema }, client) => [
    { remove: 'model' },
    { remove: 'stream' },
    { set: 'anthropic_version', value: JSON.stringify(schema.version ?? BEDROCK_CLAUDE_VERSION) },
    ...betasOf(client),
  ],
  inBody: new Set(['anthropic-beta', 'anthropic-version']),
  framing: 'aws',
};

/** @see https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html */
const BEDROCK_CONVERSE: Wire = {
  dialect: 'bedrock-converse',
  path: (_, model, stream) => bedrockPath(model, stream ? 'converse-stream' : 'converse'),
  bytesOnly: ALL_MEDIA,
  framing: 'aws',
};

/** Bedrock takes them in the body. */
function betasOf({ 'anthropic-beta': header }: IncomingHttpHeaders): Edit[] {
  const betas = [header ?? []]
    .flat()
    .join(',')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
  return betas.length === 0 ? [] : [{ set: 'anthropic_beta', value: JSON.stringify(betas) }];
}

/** The best one first. A model server takes all that it is asked in its client's own words: nothing is translated for it. */
export const WIRES: Readonly<Partial<Record<BackendApi, readonly Wire[]>>> = {
  OpenAI: [CHAT, RESPONSES],
  AzureOpenAI: [CHAT, RESPONSES],
  Anthropic: [MESSAGES],
  GCPVertexAI: [VERTEX_GEMINI],
  GCPAnthropic: [VERTEX_CLAUDE],
  Cohere: [COHERE_CHAT],
  AWSBedrock: [BEDROCK_CONVERSE],
  AWSAnthropic: [BEDROCK_CLAUDE],
};

/** Headers that only backends of one API know: they mean nothing to another one. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  'openai-organization',
  'openai-project',
  'openai-beta',
  'anthropic-version',
  'anthropic-beta',
  'anthropic-dangerous-direct-browser-access',
  'content-type',
  'accept',
]);

/** What stands in the place of the client's headers that another API does not know; changes the flat list in place. */
export function translateHeaders(headers: string[], own: readonly string[] = []): void {
  removeHeaders(headers, (name) => OWN_HEADERS.has(name));
  headers.push('content-type', 'application/json', ...own);
}
