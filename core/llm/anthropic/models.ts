/** What a model of Anthropic's takes of being told how much to think. */
export interface ThinkingModel {
  readonly thinks: boolean;
  /** By itself as much as it sees fit, rather than up to a budget. */
  readonly adapts: boolean;
  /** Of `output_config`. */
  readonly hasEffort: boolean;
  /** An effort above high. */
  readonly hasXhigh: boolean;
}

/** `claude-3-7-sonnet`, `claude-opus-4-1@20250805`, `us.anthropic.claude-sonnet-4-20250514-v1:0`, `claude-v2:1`: a date is no version. */
const VERSION = /claude-(?:([a-z]+)-)?v?(\d{1,2})(?!\d)(?:[-.](\d{1,2})(?!\d))?/;

/**
 * What the name of a model tells; one that tells nothing is held to be of the newest.
 * @see https://docs.anthropic.com/en/docs/build-with-claude/adaptive-thinking
 * @see https://docs.anthropic.com/en/docs/build-with-claude/effort
 */
export function thinkingModel(model: string): ThinkingModel {
  const [, family, major, minor = '0'] = VERSION.exec(model) ?? [];
  const version = major === undefined ? Infinity : Number(major) * 100 + Number(minor);
  return {
    thinks: version >= 307,
    adapts: version >= 406,
    hasEffort: version >= 406 || (family === 'opus' && version === 405),
    hasXhigh: version >= 407,
  };
}
