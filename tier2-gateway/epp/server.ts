import { Server, ServerCredentials } from '@grpc/grpc-js';

import { HealthService, listen, stop } from './health.ts';
import { externalProcessor } from './messages.ts';
import type { BodySendMode } from './messages.ts';
import { type Certificate, selfSigned } from '#core/http/self-signed';
import { ServedExchange } from './served-exchange.ts';
import type { EppServerCall, ServedExchangeOptions } from './served-exchange.ts';
import type { Picker } from './served-pick.ts';

export interface EppServerOptions {
  /** 0 for any. The reference picker's is 9002. */
  readonly port: number;
  /** @default '127.0.0.1' */
  readonly host?: string;
  /** PEM; or a new certificate that the peer cannot verify, as the reference picker has. Absent: plain text. */
  readonly tls?: Certificate | 'self-signed';
  /** Port of `grpc.health.v1`, always in plain text for probes; 0 for any. Absent: no health service. The reference picker's is 9003. */
  readonly healthPort?: number;
  readonly picker: Picker;
  /** Errors of the picker, of its watches, and of exchanges. */
  readonly onError?: (error: unknown) => void;
  /**
   * Larger request bodies are answered with 413.
   * @default 20 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * How a gateway shows bodies that sends no `protocol_config`.
   * @default 'FULL_DUPLEX_STREAMED', as the protocol wants
   */
  readonly assumeMode?: BodySendMode;
  /**
   * Whether the health service says "serving" from the start.
   * @default true
   */
  readonly ready?: boolean;
}

export interface EppServer {
  readonly port: number;
  readonly healthPort: number | undefined;
  /** The CA for a client that wants to verify a `self-signed` server. */
  readonly cert: string | undefined;
  setReady(ready: boolean): void;
  /** Says "not serving", takes no new exchanges, and gives those that are open some time. @default graceMs 5000 */
  close(graceMs?: number): Promise<void>;
}

const MIB = 1024 * 1024;

/**
 * Serves a picker as an Endpoint Picker Protocol server, for Envoy, Istio, KServe and other gateways that speak ext_proc.
 *
 * With body mode STREAMED a gateway forwards the headers before it has the body: unless it says that it sends the body without waiting, the
 * picker sees the headers alone.
 *
 * @throws Error if a port is taken
 */
export async function startEppServer(options: EppServerOptions): Promise<EppServer> {
  const host = options.host ?? '127.0.0.1';
  const tls = options.tls === 'self-signed' ? selfSigned(['localhost', '127.0.0.1', '::1']) : options.tls;
  const maxBodyBytes = options.maxBodyBytes ?? 20 * MIB;
  const exchanges: ServedExchangeOptions = {
    picker: options.picker,
    onError: options.onError ?? ((): void => {}),
    maxBodyBytes,
    assumeMode: options.assumeMode ?? 'FULL_DUPLEX_STREAMED',
  };
  // A buffered body is one message.
  const server = new Server({
    'grpc.max_receive_message_length': maxBodyBytes + MIB,
    'grpc.max_send_message_length': -1,
    // A gateway whose node is gone says nothing: what it had under way ends with the connection.
    'grpc.keepalive_time_ms': 60_000,
    'grpc.keepalive_timeout_ms': 20_000,
  });
  server.addService(externalProcessor, { Process: (call: EppServerCall): void => void new ServedExchange(call, exchanges).run() });
  const health = new HealthService(options.ready ?? true);
  const healthServer = new Server();
  health.addTo(healthServer);
  const port = await listen(server, host, options.port, tls === undefined ? undefined : serverCredentials(tls));
  let healthPort: number | undefined;
  try {
    if (options.healthPort !== undefined) healthPort = await listen(healthServer, host, options.healthPort);
  } catch (error) {
    server.forceShutdown();
    throw error;
  }
  return {
    port,
    healthPort,
    cert: tls?.cert,
    setReady: (ready) => health.setReady(ready),
    close: async (graceMs = 5000) => {
      health.setReady(false);
      await stop(server, graceMs);
      health.close();
      await stop(healthServer, 1000);
    },
  };
}

function serverCredentials({ cert, key }: Certificate): ServerCredentials {
  return ServerCredentials.createSsl(null, [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }]);
}
