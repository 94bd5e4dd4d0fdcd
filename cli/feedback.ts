import { type FeedbackSettings, feedbackSettings, InvalidFeedbackSettings } from '../gateway/feedback/settings.ts';
import { UsageError } from './command.ts';

/** Options that say where feedback on answers goes. */
export const FEEDBACK_OPTIONS = {
  'feedback-url': { type: 'string' },
  'feedback-key': { type: 'string' },
} as const;

export const FEEDBACK_HELP = `  --feedback-url URL         takes feedback on answers at /v1/feedback, and puts it on their traces in the Phoenix that is there
                             (default $TIERKIT_FEEDBACK_URL; such as http://phoenix:6006)
  --feedback-key FILE        API key of that Phoenix (default $PHOENIX_API_KEY); read again each time
`;

/** @returns undefined: feedback is off. @throws UsageError */
export function feedbackOf(values: { readonly [Name in keyof typeof FEEDBACK_OPTIONS]?: string }): FeedbackSettings | undefined {
  try {
    return feedbackSettings({ url: values['feedback-url'], keyFile: values['feedback-key'] }, process.env);
  } catch (error) {
    if (error instanceof InvalidFeedbackSettings) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
