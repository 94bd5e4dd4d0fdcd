import { boolCoreTag, floatCoreTag, intCoreTag, NOT_RESOLVED, nullCoreTag, type ScalarTagDefinition } from 'js-yaml';

const TAGS: readonly ScalarTagDefinition[] = [nullCoreTag, boolCoreTag, intCoreTag, floatCoreTag];

/** The tags that may fit a text, by its first character. Most texts have none and are strings. */
const BY_FIRST_CHARACTER = new Map<string, ScalarTagDefinition[]>();
for (const tag of TAGS) {
  for (const first of tag.implicitFirstChars ?? []) BY_FIRST_CHARACTER.set(first, [...(BY_FIRST_CHARACTER.get(first) ?? []), tag]);
}

/** What an unquoted text is by the core schema (YAML 1.2.2, section 10.3.2): `8080` is a number, `true` a boolean. */
export function plainValue(text: string): unknown {
  for (const tag of BY_FIRST_CHARACTER.get(text.charAt(0)) ?? []) {
    const value: unknown = tag.resolve(text, false, tag.tagName);
    if (value !== NOT_RESOLVED) return value;
  }
  return text;
}

/**
 * What a text with a tag is.
 *
 * @param name - the tag in full, such as `tag:yaml.org,2002:int`.
 * @returns undefined for a tag that the core schema does not have or that the text does not fit.
 */
export function taggedValue(name: string, text: string): unknown {
  if (name === 'tag:yaml.org,2002:str') return text;
  const tag = TAGS.find(({ tagName }) => tagName === name);
  // As if it were implicit: the explicit forms of the library go beyond the core schema.
  const value: unknown = tag?.resolve(text, false, name);
  return value === NOT_RESOLVED ? undefined : value;
}
