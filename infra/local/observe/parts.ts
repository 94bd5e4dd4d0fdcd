import { didYouMean } from '#core/resources/nearest';

/** Programs of others that show what a platform does. */
export const PARTS = ['prometheus', 'phoenix', 'jaeger'] as const;
export type PartName = (typeof PARTS)[number];

/** Those that take traces. */
export const TRACE_PARTS = ['phoenix', 'jaeger'] as const satisfies readonly PartName[];

export interface PartAbout {
  readonly title: string;
  /** What docker runs where the program is not on PATH. */
  readonly image: string;
  /** How to get the program. */
  readonly how: string;
}

export const ABOUT: Readonly<Record<PartName, PartAbout>> = {
  prometheus: { title: 'Prometheus', image: 'prom/prometheus:v3.16.0', how: 'https://prometheus.io/download' },
  phoenix: { title: 'Phoenix', image: 'arizephoenix/phoenix:version-20.26.1', how: 'pip install arize-phoenix' },
  jaeger: { title: 'Jaeger', image: 'jaegertracing/jaeger:2.20.0', how: 'https://www.jaegertracing.io/download' },
};

/** A part that is asked for cannot be started. */
export class NoPart extends Error {
  override readonly name = 'NoPart';
}

/**
 * Reads a list of parts such as `prometheus,phoenix`.
 * @returns undefined for an empty text: whatever is found
 * @throws NoPart that names the nearest part
 */
export function readParts(text: string): readonly PartName[] | undefined {
  if (text === '') return undefined;
  const names = text.split(',').map((each) => {
    const name = each.trim();
    const part = PARTS.find((known) => known === name);
    if (part === undefined) throw new NoPart(`there is no part "${name}"${didYouMean(name, PARTS)} (parts: ${PARTS.join(', ')})`);
    return part;
  });
  return [...new Set(names)];
}
