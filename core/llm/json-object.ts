import type { BlockOf } from './conversation.ts';
import type { Losses } from './losses.ts';

/** Digits that a number cannot hold. */
const HUGE_NUMBER = /\d{16}|\de[+-]?\d{3}/i;

interface JsonObject {
  readonly value: object;
  /** All numbers are as they were written. */
  readonly isExact: boolean;
}

/** @returns undefined for a text that is no JSON object */
export function jsonObject(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
    return { value, isExact: !HUGE_NUMBER.test(text) || JSON.stringify(value) === text };
  } catch {
    return undefined;
  }
}

/** Arguments of a call, where an API has them as an object. */
export function argumentsOf({ arguments: text }: BlockOf<'tool_call'>, at: string, losses: Losses): object {
  if (text.trim() === '') return {};
  const found = jsonObject(text);
  // A model may have been cut off in the middle of it.
  if (found?.isExact !== true) losses.approximate(at);
  return found?.value ?? { arguments: text };
}
