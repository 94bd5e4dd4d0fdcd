/** Starts what the SDK checks talk to: the quickstart's resources, a gateway and the example upstream behind it. */
import { fileURLToPath } from 'node:url';

import { TierOne } from '../../gateway/main.ts';
import { startUpstream } from '../quickstart/upstream.ts';

export interface Quickstart {
  /** Without a path; the OpenAI SDK's base URL is `${url}/v1`. */
  readonly url: string;
  /** The Anthropic SDK's base URL. */
  readonly anthropicUrl: string;
  close(): Promise<void>;
}

/** Streams run faster than by default, yet slowly enough to be left in the middle. */
const PACE_MS = 2;

export async function startQuickstart(): Promise<Quickstart> {
  const upstream = await startUpstream({
    port: 0,
    paceMs: PACE_MS,
    openaiKey: 'not-a-secret-openai-example',
    anthropicKey: 'not-a-secret-anthropic-example',
    cohereKey: 'not-a-secret-cohere-example',
  });
  const tier = new TierOne({
    sources: {
      paths: [fileURLToPath(new URL('../quickstart/gateway.yaml', import.meta.url))],
      env: { TIERKIT_EXAMPLE_PORT: String(upstream.port) },
    },
    host: '127.0.0.1',
    port: 0,
    adminPort: 0,
    drainMs: 0,
    accessLog: undefined,
    log: () => undefined,
  });
  await tier.start();
  const url = `http://127.0.0.1:${[...tier.ports.values()][0]}`;
  const close = async () => {
    await tier.stop();
    await upstream.close();
  };
  return { url, anthropicUrl: `${url}/anthropic`, close };
}
