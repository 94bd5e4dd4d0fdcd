import type { Conversation } from '../conversation.ts';
import type { Losses } from '../losses.ts';

/** Amazon Bedrock calls them the same. */
const AS_BEDROCK = ['default', 'flex', 'priority'];

/** `service_tier` of the APIs of OpenAI. */
export function tierOf({ source, serviceTier }: Conversation, losses: Losses): string | undefined {
  if (serviceTier === undefined || source.startsWith('openai-')) return serviceTier;
  if (serviceTier === 'auto') return 'auto';
  if (source === 'bedrock-converse' && AS_BEDROCK.includes(serviceTier)) return serviceTier;
  if (serviceTier === 'standard_only') return 'default';
  losses.drop('service_tier');
  return undefined;
}
