/** Printable ASCII: anything else cannot stand in a header, and no provider's key has it. */
const KEY = /^[\u0021-\u007e]+$/;

export function isKey(text: string): boolean {
  return KEY.test(text);
}
