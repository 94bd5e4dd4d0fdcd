/** Starts what the SDK checks talk to. */
import { startUpstream } from '../quickstart/upstream.ts';

/** Where the gateway serves the Anthropic API; the upstream itself serves it at the root. */
const GATEWAY_ANTHROPIC_PATH = '/anthropic';

export interface QuickstartOptions {
  /** Whether `url` is the example upstream itself, with no gateway before it. @default true */
  readonly direct?: boolean;
}

export interface Quickstart {
  /** Without a path; the OpenAI SDK's base URL is `${url}/v1`. */
  readonly url: string;
  /** The Anthropic SDK's base URL. */
  readonly anthropicUrl: string;
  close(): Promise<void>;
}

/** Streams run faster than by default, yet slowly enough to be left in the middle. */
const PACE_MS = 2;

export async function startQuickstart(options: QuickstartOptions = {}): Promise<Quickstart> {
  const upstream = await startUpstream({ port: 0, paceMs: PACE_MS });
  const url = `http://127.0.0.1:${upstream.port}`;
  const direct = options.direct ?? true;
  return { url, anthropicUrl: direct ? url : `${url}${GATEWAY_ANTHROPIC_PATH}`, close: () => upstream.close() };
}
