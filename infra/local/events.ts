/** How a process ended. */
export interface End {
  readonly code: number | null;
  readonly signal: string | null;
  /** What is known beyond code and signal, such as that it could not be started. */
  readonly reason?: string;
}

/** A row of the table that `tierkit up` ends its start with. */
export interface Service {
  readonly service: string;
  /** A URL or a path. */
  readonly where: string;
  readonly what: string;
}

/** Everything that happens to a local platform, in the order in which it happens. Screens show it, `--json` writes it as it is. */
export type PlatformEvent =
  | { readonly event: 'port-shifted'; readonly process: string; readonly wanted: number; readonly port: number; readonly count: number }
  | { readonly event: 'starting'; readonly process: string; readonly pid: number | undefined }
  | { readonly event: 'ready'; readonly process: string; readonly afterMs: number }
  /** A line that a process wrote; `level` where the line says one. */
  | { readonly event: 'log'; readonly process: string; readonly level: LogLevel | undefined; readonly line: string }
  | ({ readonly event: 'crashed'; readonly process: string; readonly wasReady: boolean; readonly lines: readonly string[] } & End)
  /** `failures` counts the ends in a row; of `most` of them before it was ever ready the last one is final. */
  | {
      readonly event: 'restarting';
      readonly process: string;
      readonly inMs: number;
      readonly failures: number;
      readonly most: number | undefined;
    }
  /** It is not started again, and the platform goes on without it. */
  | { readonly event: 'gave-up'; readonly process: string; readonly why: string }
  | {
      readonly event: 'up';
      readonly afterMs: number;
      readonly services: readonly Service[];
      /** What to know about this start, one sentence each. */
      readonly notes: readonly string[];
      readonly curl: string | undefined;
    }
  | { readonly event: 'stopping'; readonly why: string }
  | { readonly event: 'stopped'; readonly process: string; readonly afterMs: number; readonly killed: boolean }
  | { readonly event: 'failed'; readonly why: string }
  | { readonly event: 'down' };

export type LogLevel = 'info' | 'warn' | 'error';

export type Report = (event: PlatformEvent) => void;

/** @returns such as `exit code 1` or `signal SIGKILL` */
export function sayEnd({ code, signal, reason }: End): string {
  if (reason !== undefined) return reason;
  return signal === null ? `exit code ${code}` : `signal ${signal}`;
}
