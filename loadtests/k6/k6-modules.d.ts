/**
 * What the scripts in this folder use of k6 2.x, and of the module k6/x/sse. `@types/k6` declares the former in full; where it is a
 * devDependency, only the part on k6/x/sse and `__ENV` is needed here.
 * @see https://grafana.com/docs/k6/latest/javascript-api/
 */

/** Environment variables, and those of the k6 scenario that runs. */
declare const __ENV: Readonly<Record<string, string | undefined>>;

declare module 'k6' {
  export function sleep(seconds: number): void;
}

declare module 'k6/http' {
  export interface Params {
    readonly headers?: Readonly<Record<string, string>>;
    readonly tags?: Readonly<Record<string, string>>;
    /** Milliseconds, or text such as `60s`. */
    readonly timeout?: number | string;
  }
  export interface Response {
    /** 0: no answer came. */
    readonly status: number;
    readonly body: string | null;
    readonly headers: Readonly<Record<string, string>>;
    readonly error: string;
    /** 1050: the request took too long. */
    readonly error_code: number;
    /** Milliseconds; `duration` is from the first byte sent to the last one received. */
    readonly timings: { readonly duration: number; readonly waiting: number };
  }
  export function get(url: string, params?: Params): Response;
  export function post(url: string, body: string, params?: Params): Response;
  export function put(url: string, body: string, params?: Params): Response;
  const http: { get: typeof get; post: typeof post; put: typeof put };
  export default http;
}

declare module 'k6/metrics' {
  type Tags = Readonly<Record<string, string>>;
  export class Trend {
    constructor(name: string, isTime?: boolean);
    add(value: number, tags?: Tags): void;
  }
  export class Rate {
    constructor(name: string);
    add(value: boolean, tags?: Tags): void;
  }
  export class Counter {
    constructor(name: string);
    add(value: number, tags?: Tags): void;
  }
  export class Gauge {
    constructor(name: string);
    add(value: number, tags?: Tags): void;
  }
}

declare module 'k6/execution' {
  const execution: {
    /** `iterationInTest` counts from 0 over all virtual users of the scenario. */
    readonly scenario: { readonly name: string; readonly iterationInTest: number };
    readonly test: {
      abort(message?: string): void;
      readonly options: { readonly scenarios?: Readonly<Record<string, { readonly env?: Readonly<Record<string, string>> }>> };
    };
  };
  export default execution;
}

declare module 'k6/x/sse' {
  export interface SseEvent {
    readonly name: string;
    readonly id: string;
    readonly data: string;
    /** Milliseconds since the request was sent. */
    readonly at: number;
  }
  export interface SseResponse {
    /** 0: no answer came. */
    readonly status: number;
    readonly headers: Readonly<Record<string, string>>;
    /** Where the answer was no event stream. */
    readonly body: string;
    /** Empty: the stream ended, or was left. */
    readonly error: string;
    readonly events: number;
    readonly timings: Readonly<Record<string, number>>;
  }
  export interface SseOptions {
    readonly method: string;
    readonly body: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly timeout: string;
  }
  /** Returns when the stream has ended, or the callback has returned false. */
  export function open(url: string, options: SseOptions, each: (event: SseEvent) => boolean): SseResponse;
}
