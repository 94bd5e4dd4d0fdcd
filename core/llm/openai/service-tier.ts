import type { Conversation } from '../conversation.ts';
import type { Losses } from '../losses.ts';

/** `service_tier` of the APIs of OpenAI. */
export function tierOf({ source, serviceTier }: Conversation, losses: Losses): string | undefined {
  if (serviceTier === undefined || source.startsWith('openai-')) return serviceTier;
  if (serviceTier === 'auto') return 'auto';
  if (serviceTier === 'standard_only') return 'default';
  losses.drop('service_tier');
  return undefined;
}
