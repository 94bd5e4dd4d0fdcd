import { checkServerIdentity, createSecureContext } from 'node:tls';

import { Client, connectivityState, credentials, Metadata } from '@grpc/grpc-js';
import type { ChannelCredentials, ChannelOptions } from '@grpc/grpc-js';

import { EppExchange } from './exchange.ts';
import type { EppRequest, ExchangeSettings } from './exchange.ts';
import { EppFailure } from './failure.ts';
import { processMethod } from './messages.ts';
import { DESTINATION, SUBSET } from './names.ts';
import type { BodyMode } from './request-side.ts';

/** TLS with verification by the given CA or the system's; or without any, which has to be asked for. */
export interface EppTls {
  /** PEM. */
  readonly ca?: string | Buffer;
  /** Accept any certificate: the reference picker makes itself a new one at every start. */
  readonly insecure?: true;
  /** Name that the certificate is for, if it is not the address's. */
  readonly serverName?: string;
}

export interface EppClientOptions {
  /** `host:port`; an IPv6 address in brackets. */
  readonly address: string;
  readonly tls: EppTls | 'plaintext';
  /** How the request is shown to the picker. */
  readonly mode: 'full-duplex' | 'streamed' | 'buffered' | 'headers-only';
  /**
   * How the response is shown.
   * @default as `mode`; `none` for `buffered`, which would hold back every token of a stream until its end
   */
  readonly responseMode?: BodyMode;
  /** Time for the picker to take or answer one message. */
  readonly messageTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /**
   * The most that the picker may ask for with `override_message_timeout`.
   * @default ten times messageTimeoutMs
   */
  readonly maxMessageTimeoutMs?: number;
  /**
   * Whether `mode_override` is followed; otherwise it is ignored, as in Envoy.
   * @default false
   */
  readonly allowModeOverride?: boolean;
  /**
   * Pseudo headers that the picker may set, of `:path`, `:method`, `:authority`.
   * @default none
   */
  readonly allowPseudoHeaders?: readonly string[];
  /**
   * Largest request body taken back from the picker, and most response bytes kept for an unanswered picker.
   * @default 64 MiB
   */
  readonly maxBodyBytes?: number;
  /**
   * Time between HTTP/2 pings while exchanges are open. Servers in Go close a connection that pings more than every five minutes,
   * with all its streams, unless they were told to allow it.
   * @default 310000
   */
  readonly keepaliveMs?: number;
}

const MIB = 1024 * 1024;
const PSEUDO = [':path', ':method', ':authority'];
/** Never shown to a picker: a client that sends them would pretend to be one. */
const FORGED = new Set([DESTINATION, SUBSET]);

/** A connection that is new has so many times the time to connect before it is given up for another. */
const NEW_TIMES = 3;

/** The connection to one endpoint picker; an exchange for every request. */
export class EppClient {
  readonly #options: EppClientOptions;
  readonly #settings: ExchangeSettings;
  #client: Client;
  #madeAt = performance.now();
  /** Exchanges that wait for the connection, since the first of them found none. */
  #waiting: Set<EppExchange> | undefined;

  constructor(options: EppClientOptions) {
    check(options);
    this.#options = options;
    const mode = options.mode === 'headers-only' ? 'none' : options.mode;
    this.#settings = {
      address: options.address,
      mode,
      responseMode: options.responseMode ?? (mode === 'buffered' ? 'none' : mode),
      messageTimeoutMs: options.messageTimeoutMs,
      maxMessageTimeoutMs: options.maxMessageTimeoutMs ?? options.messageTimeoutMs * 10,
      allowModeOverride: options.allowModeOverride ?? false,
      allowPseudoHeaders: options.allowPseudoHeaders ?? [],
      maxBodyBytes: options.maxBodyBytes ?? 64 * MIB,
    };
    this.#client = clientOf(options);
  }

  /** Starts an exchange: the headers go out at once. */
  open(request: EppRequest): EppExchange {
    const { path, requestSerialize, responseDeserialize } = processMethod;
    const call = this.#client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
    const headers = request.headers.filter(([name]) => !FORGED.has(name.toLowerCase()));
    const exchange = new EppExchange(call, { ...request, headers }, this.#settings);
    if (this.#client.getChannel().getConnectivityState(true) === connectivityState.READY) exchange.connected();
    else this.#await(exchange);
    return exchange;
  }

  /** Uses another connection from now on. Exchanges that are open go on to their end on the one that there was. */
  reconnect(): void {
    this.#client.close();
    this.#client = clientOf(this.#options);
    this.#madeAt = performance.now();
    this.#waiting = undefined;
  }

  /** Closes the connection. Exchanges that are open go on to their end. */
  close(): void {
    this.#client.close();
  }

  /** A refused connection fails the call at once; this is for the one that hangs. */
  #await(exchange: EppExchange): void {
    if (this.#waiting !== undefined) {
      this.#waiting.add(exchange);
      return;
    }
    const waiting = new Set([exchange]);
    this.#waiting = waiting;
    const { address, connectTimeoutMs } = this.#options;
    this.#client.waitForReady(Date.now() + connectTimeoutMs, (error) => {
      const current = this.#waiting === waiting;
      if (current) this.#waiting = undefined;
      if (error === undefined) {
        for (const each of waiting) each.connected();
        return;
      }
      const failure = new EppFailure('unreachable', `endpoint picker ${address}: no connection within ${connectTimeoutMs} ms`);
      for (const each of waiting) each.disconnected(failure);
      // A connect to the address of a pod that is gone hangs for two minutes, and gRPC has no limit of its own: meanwhile it would tell
      // of the last refusal, while the Service leads to another picker.
      if (current && performance.now() - this.#madeAt >= NEW_TIMES * connectTimeoutMs) this.reconnect();
    });
  }
}

function clientOf(options: EppClientOptions): Client {
  return new Client(options.address, credentialsOf(options.tls), channelOptions(options));
}

function check(options: EppClientOptions): void {
  const bad = (what: string): never => {
    throw new TypeError(`endpoint picker ${options.address}: ${what}`);
  };
  for (const name of ['messageTimeoutMs', 'connectTimeoutMs', 'maxMessageTimeoutMs', 'keepaliveMs', 'maxBodyBytes'] as const) {
    const value = options[name];
    if (value !== undefined && !(value > 0)) bad(`${name} is ${value}; it must be above 0`);
  }
  for (const name of options.allowPseudoHeaders ?? []) {
    if (!PSEUDO.includes(name)) bad(`allowPseudoHeaders: ${name} is none of ${PSEUDO.join(', ')}`);
  }
  if (options.tls !== 'plaintext' && options.tls.insecure === true && options.tls.ca !== undefined) {
    bad('tls has both `ca` and `insecure`: a CA is of no use if the certificate is not verified');
  }
}

function credentialsOf(tls: EppTls | 'plaintext'): ChannelCredentials {
  if (tls === 'plaintext') return credentials.createInsecure();
  const context = createSecureContext(tls.ca === undefined ? {} : { ca: tls.ca });
  if (tls.insecure === true) {
    return credentials.createFromSecureContext(context, { rejectUnauthorized: false, checkServerIdentity: () => undefined });
  }
  return credentials.createFromSecureContext(context, { checkServerIdentity });
}

function channelOptions(options: EppClientOptions): ChannelOptions {
  const serverName = options.tls === 'plaintext' ? undefined : options.tls.serverName;
  return {
    'grpc.keepalive_time_ms': options.keepaliveMs ?? 310_000,
    'grpc.keepalive_timeout_ms': 20_000,
    // A picker that comes back is used again soon.
    'grpc.initial_reconnect_backoff_ms': 200,
    'grpc.max_reconnect_backoff_ms': 5000,
    'grpc.max_receive_message_length': (options.maxBodyBytes ?? 64 * MIB) + MIB,
    'grpc.max_send_message_length': -1,
    // Messages kept for a retry would count as sent: writes must wait for the peer's window, so nothing is kept.
    'grpc.enable_retries': 0,
    'grpc.per_rpc_retry_buffer_size': 0,
    'grpc.enable_http_proxy': 0,
    'grpc.service_config_disable_resolution': 1,
    // One connection for every client: gateways with several pools must not share flow control or failures by accident.
    'grpc.use_local_subchannel_pool': 1,
    ...(serverName === undefined ? {} : { 'grpc.ssl_target_name_override': serverName, 'grpc.default_authority': serverName }),
  };
}
