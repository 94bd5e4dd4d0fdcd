import type { Conversation } from '../conversation.ts';
import { Fields } from '../fields.ts';
import { given, type Json } from '../given.ts';
import type { Losses } from '../losses.ts';
import { camelCased } from './names.ts';

/** Fields of a chat completion that are meant for this API. */
const NAMES = ['safetySettings', 'generationConfig', 'media_resolution', 'guided_regex', 'thinking.includeThoughts'] as const;

interface VendorFields {
  readonly top: Json;
  /** Of `generationConfig`: these go before what else the request says. */
  readonly config: Json;
  /** What nobody has to tell as dropped. */
  readonly names: ReadonlySet<string>;
}

/**
 * What clients of gateways say of this API in a chat completion. Of `generationConfig` only what no field of theirs says is taken: bounds and
 * counts are for the gateway to know.
 * @see https://aigateway.envoyproxy.io/docs/capabilities/llm-integrations/vendor-specific-fields
 * @throws GatewayError TK_BAD_REQUEST
 */
export function vendorFields({ source, extras }: Conversation, losses: Losses): VendorFields {
  const found = source === 'openai-chat' ? NAMES.filter((name) => extras.has(name)) : [];
  if (found.length === 0) return { top: {}, config: {}, names: new Set() };
  const fields = new Fields(Object.fromEntries(found.map((name) => [name, extras.get(name)])), '');
  const settings = fields.objects('safetySettings').map((each) => camelCased(each.all()));
  const own = fields.object('generationConfig');
  const thinking = own?.object('thinkingConfig');
  const resolution = fields.text('media_resolution') ?? own?.text('mediaResolution') ?? own?.text('media_resolution');
  if (own !== undefined) losses.dropLeft(own);
  return {
    top: settings.length === 0 ? {} : { safetySettings: settings },
    config: {
      ...given({ includeThoughts: fields.boolean('thinking.includeThoughts') }),
      ...patternOf(fields.text('guided_regex'), losses),
      ...given({ mediaResolution: resolution && resolutionOf(resolution), thinkingConfig: thinking && camelCased(thinking.all()) }),
    },
    names: new Set(found),
  };
}

/** The rest of the configuration with them, which go before it. */
export function configWith(vendor: Json, config: Json): Json {
  const { includeThoughts, ...own } = vendor;
  const found = { ...config, ...own };
  const thinking = found['thinkingConfig'] as Json | undefined;
  return includeThoughts === undefined || thinking === undefined ? found : { ...found, thinkingConfig: { ...thinking, includeThoughts } };
}

/** As JSON, in which a text has quotes. */
function patternOf(pattern: string | undefined, losses: Losses): Json {
  if (pattern === undefined) return {};
  losses.approximate('guided_regex');
  return { responseMimeType: 'application/json', responseSchema: { type: 'STRING', pattern } };
}

/** `low` is `MEDIA_RESOLUTION_LOW`. @see https://ai.google.dev/api/generate-content#MediaResolution */
function resolutionOf(name: string): string {
  const upper = name.toUpperCase();
  return upper.startsWith('MEDIA_RESOLUTION_') ? upper : `MEDIA_RESOLUTION_${upper}`;
}
