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
