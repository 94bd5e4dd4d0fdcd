/** Protocol versions with a session that `initialize` opens. */
export const LEGACY_VERSIONS: readonly string[] = ['2024-11-05', '2025-03-26', '2025-06-18', '2025-11-25'];

/** Protocol versions without one: each request says its own. */
export const MODERN_VERSIONS: readonly string[] = ['2026-07-28'];

/** Versions are dates, so that they sort as text. Also of versions that are yet to come. */
export function isModernVersion(version: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(version) && version >= '2026-07-28';
}
