import { ApiError } from './errors.ts';

export type Fields = Readonly<Record<string, unknown>>;

/** Reads a request's fields. Each reader throws an {@link ApiError} 400 that names the field. */
export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function text(fields: Fields, key: string): string | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw wrong(key, 'a string', value);
}

export function flag(fields: Fields, key: string): boolean {
  const value = fields[key];
  if (value === undefined || value === null) return false;
  if (typeof value === 'boolean') return value;
  throw wrong(key, 'a boolean', value);
}

export function whole(fields: Fields, key: string, least: number, most = Number.MAX_SAFE_INTEGER): number | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrong(key, 'an integer', value);
  if (value < least || value > most) {
    throw new ApiError(
      400,
      `${key} must be ${most === Number.MAX_SAFE_INTEGER ? `at least ${least}` : `from ${least} to ${most}`}, got ${value}.`,
      {
        param: key,
      },
    );
  }
  return value;
}

export function object(fields: Fields, key: string): Fields | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (isFields(value)) return value;
  throw wrong(key, 'an object', value);
}

export function list(fields: Fields, key: string): readonly unknown[] | undefined {
  const value = fields[key];
  if (value === undefined || value === null) return undefined;
  if (Array.isArray(value)) return value;
  throw wrong(key, 'a list', value);
}

/** A string or a list of them. */
export function texts(fields: Fields, key: string): readonly string[] {
  const value = fields[key];
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [value];
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value;
  throw wrong(key, 'a string or a list of strings', value);
}

export function wrong(key: string, wanted: string, value: unknown): ApiError {
  const got = Array.isArray(value) ? 'a list' : value === null ? 'null' : typeof value;
  return new ApiError(400, `${key} must be ${wanted}, not ${got}`, { param: key });
}
