import type { WantedPorts } from '../ports.ts';
import type { Choice } from './choose.ts';
import type { PartName } from './parts.ts';

/** Of what a part listens on; 0: it does not. */
export interface PartPorts {
  readonly prometheus: number;
  /** Pages, and OTLP over HTTP. */
  readonly phoenix: number;
  readonly phoenixGrpc: number;
  readonly jaeger: number;
  readonly jaegerGrpc: number;
  /** OTLP over HTTP. */
  readonly jaegerOtlp: number;
}

/** Ports to begin with; 0: any free one. */
export type FirstPartPorts = Pick<PartPorts, PartName | 'jaegerOtlp'>;

/** What `findPorts` is asked for. Nobody needs to know the others by heart: any will do. */
export function wantedPartPorts(
  { prometheus, phoenix, jaeger }: Choice['parts'],
  first: FirstPartPorts,
): Readonly<Partial<Record<keyof PartPorts, WantedPorts>>> {
  return {
    ...(prometheus && { prometheus: { process: 'prometheus', port: first.prometheus } }),
    ...(phoenix && { phoenix: { process: 'phoenix', port: first.phoenix }, phoenixGrpc: { process: 'phoenix (gRPC)', port: 0 } }),
    ...(jaeger && {
      jaeger: { process: 'jaeger', port: first.jaeger },
      jaegerGrpc: { process: 'jaeger (gRPC)', port: 0 },
      jaegerOtlp: { process: 'jaeger (OTLP)', port: first.jaegerOtlp },
    }),
  };
}
