import { didYouMean } from '../resources/nearest.ts';

/** What stands for content that is not shown, as OpenInference has it. */
export const REDACTED = '__REDACTED__';

/**
 * The switches of OpenInference's configuration; true: hidden.
 * @see https://github.com/Arize-ai/openinference/blob/main/spec/configuration.md
 */
export const HIDE = [
  'HIDE_INPUTS',
  'HIDE_OUTPUTS',
  'HIDE_INPUT_MESSAGES',
  'HIDE_OUTPUT_MESSAGES',
  'HIDE_INPUT_IMAGES',
  'HIDE_INPUT_TEXT',
  'HIDE_OUTPUT_TEXT',
  'HIDE_PROMPTS',
  'HIDE_CHOICES',
  'HIDE_LLM_INVOCATION_PARAMETERS',
  'HIDE_LLM_TOOLS',
  'HIDE_EMBEDDINGS_VECTORS',
  'HIDE_EMBEDDINGS_TEXT',
] as const;

export type Hide = (typeof HIDE)[number];

/** What of a model call may be told. */
export interface Redaction {
  readonly hides: Readonly<Record<Hide, boolean>>;
  /** Sides that a switch hides, and not only the default: nothing else shows them. */
  readonly locked: { readonly inputs: boolean; readonly outputs: boolean };
  /** Characters of an image or a sound in base64 that are shown; longer ones are not. */
  readonly base64Length: number;
}

const DEFAULT_BASE64_LENGTH = 32_000;
const PREFIX = 'OPENINFERENCE_';
/** The name that HIDE_EMBEDDINGS_VECTORS had. */
const OLD_VECTORS = 'HIDE_EMBEDDING_VECTORS';
const LENGTH = 'BASE64_IMAGE_MAX_LENGTH';

/** Nothing of what is said is told: what holds where nobody asked for more. */
export const HIDE_ALL: Redaction = redaction({}, () => undefined);

/**
 * Reads OPENINFERENCE_*. Inputs and outputs are hidden unless a switch says `false`: other programs show them, a gateway has other people's.
 * @param problem told what is wrong with a setting
 */
export function redaction(env: Readonly<Record<string, string | undefined>>, problem: (message: string) => void): Redaction {
  const known: readonly string[] = [...HIDE, OLD_VECTORS, LENGTH, 'BLOB_UPLOADER'];
  for (const name of Object.keys(env)) {
    const own = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined;
    if (own === undefined || known.includes(own) || !own.startsWith('HIDE_')) continue;
    problem(`${name} is no setting of OpenInference${didYouMean(own, known)}`);
  }
  const asked = (name: string): boolean | undefined => {
    const value = env[PREFIX + name]?.trim().toLowerCase();
    if (value === undefined || value === '') return undefined;
    if (value !== 'true' && value !== 'false') problem(`${PREFIX}${name} is true or false, not "${env[PREFIX + name]}"`);
    // What is neither hides.
    return value !== 'false';
  };
  const given = Object.fromEntries(HIDE.map((name) => [name, asked(name)])) as Record<Hide, boolean | undefined>;
  const hides = Object.fromEntries(HIDE.map((name) => [name, given[name] ?? (name === 'HIDE_INPUTS' || name === 'HIDE_OUTPUTS')]));
  if (asked(OLD_VECTORS) === true) hides['HIDE_EMBEDDINGS_VECTORS'] = true;
  const locked = { inputs: given.HIDE_INPUTS === true, outputs: given.HIDE_OUTPUTS === true };
  return { hides: hides as Record<Hide, boolean>, locked, base64Length: lengthOf(env[PREFIX + LENGTH], problem) };
}

/** The same switches for a conversation of which these sides are shown. */
export function withSides(redaction: Redaction, { inputs, outputs }: { readonly inputs: boolean; readonly outputs: boolean }): Redaction {
  const { hides } = redaction;
  if (hides.HIDE_INPUTS === !inputs && hides.HIDE_OUTPUTS === !outputs) return redaction;
  return { ...redaction, hides: { ...hides, HIDE_INPUTS: !inputs, HIDE_OUTPUTS: !outputs } };
}

function lengthOf(text: string | undefined, problem: (message: string) => void): number {
  if (text === undefined || text === '') return DEFAULT_BASE64_LENGTH;
  if (/^\d{1,9}$/.test(text)) return Number(text);
  problem(`${PREFIX}${LENGTH} is a number of characters, not "${text}"`);
  return DEFAULT_BASE64_LENGTH;
}

/**
 * Keys and tokens as providers and servers write them. Each form is anchored by letters that ordinary text has not, so that a long text
 * is looked through once.
 */
const CREDENTIALS = new RegExp(
  [
    /\b(?:sk|pk|rk)-[\w-]{8,}/, // OpenAI, Anthropic, Stripe
    /\bAIza[\w-]{20,}/, // Google
    /\b(?:AKIA|ASIA)[A-Z0-9]{12,}/, // AWS
    /\beyJ[\w-]{8,}\.[\w-]+(?:\.[\w-]*)?/, // JWT
    /\b(?:gh[pousr]|glpat|xox[abprs]|hf|gsk|xai)[_-][\w-]{8,}/,
    /\b(?:bearer|basic)\s+[\w.~+/=-]{6,}/,
    /\b(?:api[-_]?key|access[-_]?token|client[-_]?secret|password|secret)["']?\s*[:=]\s*["']?[^\s"',;&]{4,}/,
    /(?<=:\/\/)[^\s/@:]{1,256}:[^\s/@]{1,256}(?=@)/, // user:password@host
  ]
    .map(({ source }) => source)
    .join('|'),
  'gi',
);

const MOST_TOLD = 1000;
/** Looked through: a key that is cut in two here is behind what is told. */
const MOST_READ = 8 * MOST_TOLD;

/** A message for a span, a log or an event, without what looks like a credential, and not longer than a message. */
export function safeText(text: string): string {
  return text.slice(0, MOST_READ).replace(CREDENTIALS, REDACTED).slice(0, MOST_TOLD);
}
