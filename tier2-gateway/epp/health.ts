import { ServerCredentials, status as GrpcStatus } from '@grpc/grpc-js';
import type { Server, ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js';

import { inUrl } from '#core/http/origin';

import { healthService } from './messages.ts';
import type { ServingStatus } from './messages.ts';
import { EXT_PROC_SERVICE } from './names.ts';

interface HealthRequest {
  service?: string;
}
interface HealthReply {
  status: ServingStatus;
}
type Watcher = ServerWritableStream<HealthRequest, HealthReply>;

/** Names that can be asked for. `liveness` is well as long as the process answers; the others follow readiness. */
const SERVICES: readonly string[] = ['', 'liveness', 'readiness', EXT_PROC_SERVICE];

/** `grpc.health.v1` of a picker. */
export class HealthService {
  readonly #watchers = new Map<Watcher, { readonly service: string; told: ServingStatus }>();
  #ready: boolean;

  constructor(ready: boolean) {
    this.#ready = ready;
  }

  /** Whether requests should come here. Watchers are told at once. */
  setReady(ready: boolean): void {
    this.#ready = ready;
    for (const [call, watcher] of this.#watchers) {
      const status = this.#status(watcher.service);
      if (status === watcher.told) continue;
      watcher.told = status;
      call.write({ status });
    }
  }

  /** Ends all watches, since a server with open streams does not stop. */
  close(): void {
    for (const call of this.#watchers.keys()) call.end();
    this.#watchers.clear();
  }

  addTo(server: Server): void {
    server.addService(healthService, {
      Check: (call: ServerUnaryCall<HealthRequest, HealthReply>, reply: sendUnaryData<HealthReply>): void => {
        const service = call.request.service ?? '';
        const status = this.#status(service);
        if (status === 'SERVICE_UNKNOWN')
          reply({ code: GrpcStatus.NOT_FOUND, details: `no service ${service}; known: ${SERVICES.join(', ')}` });
        else reply(null, { status });
      },
      Watch: (call: Watcher): void => {
        const service = call.request.service ?? '';
        const status = this.#status(service);
        this.#watchers.set(call, { service, told: status });
        call.on('cancelled', () => this.#watchers.delete(call));
        call.write({ status });
      },
    });
  }

  #status(service: string): ServingStatus {
    if (!SERVICES.includes(service)) return 'SERVICE_UNKNOWN';
    return service === 'liveness' || this.#ready ? 'SERVING' : 'NOT_SERVING';
  }
}

/** Binds a server; resolves with the port. @throws Error if the port is taken. */
export function listen(
  server: Server,
  host: string,
  port: number,
  serverCredentials = ServerCredentials.createInsecure(),
): Promise<number> {
  const address = `${inUrl(host)}:${port}`;
  return new Promise((resolve, reject) => {
    server.bindAsync(address, serverCredentials, (error, bound) => {
      if (error === null) resolve(bound);
      else reject(new Error(`endpoint picker server: cannot listen on ${address}: ${error.message}`));
    });
  });
}

/** Lets open calls end for a while, then ends them. */
export async function stop(server: Server, graceMs: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  await new Promise<void>((resolve) => {
    server.tryShutdown(() => resolve());
    timer = setTimeout(() => {
      server.forceShutdown();
      resolve();
    }, graceMs);
  });
  clearTimeout(timer);
}
