/** Modern revisions carry version and capabilities in every request; legacy ones agree on them in a session's `initialize`. */
export type Era = 'legacy' | 'modern';

export const MODERN_VERSIONS = ['2026-07-28'] as const;
/** Newest first. Older ones had batches, which no client of today needs. */
export const LEGACY_VERSIONS = ['2025-11-25', '2025-06-18'] as const;

/** Revisions of the protocol that the gateway speaks to its clients, newest first. */
export const SUPPORTED_VERSIONS = [...MODERN_VERSIONS, ...LEGACY_VERSIONS] as const;
export type ProtocolVersion = (typeof SUPPORTED_VERSIONS)[number];

/** The revision of a request that names none: the last one without the header. */
export const ASSUMED_VERSION = '2025-03-26';

const DATE = /^\d{4}-\d{2}-\d{2}$/;

/** The era of a version as a client writes it; versions are dates, and anything else is of no modern revision. */
export function eraOfVersion(version: string): Era {
  return DATE.test(version) && version >= MODERN_VERSIONS[0] ? 'modern' : 'legacy';
}

export function isModernVersion(version: string): boolean {
  return (MODERN_VERSIONS as readonly string[]).includes(version);
}

export function isLegacyVersion(version: string): boolean {
  return (LEGACY_VERSIONS as readonly string[]).includes(version);
}
