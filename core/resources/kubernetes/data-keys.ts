import type { Report } from '../kind.ts';

/** Bytes that a Secret or ConfigMap may hold, as the API server counts them. */
export const MAX_DATA_BYTES = 1_048_576;

/** Keys of a Secret or ConfigMap are file names: letters, digits, `-`, `_`, `.`, and no way out of a folder. */
export function checkDataKeys(data: object, path: string, report: Report): void {
  for (const key of Object.keys(data)) {
    if (key.length > 253 || !/^[-._a-zA-Z0-9]+$/.test(key) || key === '.' || key.startsWith('..')) {
      report(`${path}.${key}`, 'the key must be 1 to 253 letters, digits, "-", "_" or ".", and not begin with ".."');
    }
  }
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Bytes of a base64 text with padding (RFC 4648, section 4; line breaks are passed over), or undefined when it is none. */
export function base64Bytes(value: string): number | undefined {
  const text = value.replaceAll(/[\r\n]/g, '');
  if (!BASE64.test(text)) return undefined;
  return Buffer.byteLength(text, 'base64');
}
