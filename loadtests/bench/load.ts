// The load generator: a process with N keep-alive connections on bare sockets, one request at a time on each, the bytes of the request
// made once. It takes one message with its options; it tells 'running' when every connection has had a first answer, and the result when
// the time is over, or, without a time, after 'stop' and the end of what runs. It ends with its parent.
import { Client } from './client.ts';
import { readCoreTicks, readCpuTicks, readMemoryKib } from './proc.ts';
import { Samples } from './statistics.ts';

export interface LoadOptions {
  readonly port: number;
  readonly connections: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly warmupMs: number;
  /** Undefined: until 'stop'. */
  readonly measureMs: number | undefined;
  /** Whose CPU time and memory to read at both ends of the measured time. */
  readonly watch: { readonly pid: number; readonly core: number | undefined } | undefined;
  /** Events of a complete stream; undefined: the answers are no streams, or are not known yet. */
  readonly expectedEvents: number | undefined;
  /** Time over which the connections are opened, so that paced streams do not beat in one pulse. */
  readonly openOverMs: number;
}

export interface LoadResult {
  readonly seconds: number;
  /** Answers with status 200 that came to their end. */
  readonly requests: number;
  readonly errors: number;
  readonly firstError: string | undefined;
  readonly p50Ms: number | undefined;
  readonly p99Ms: number | undefined;
  /** Time to the first bytes of the body; of streams only. */
  readonly firstP50Ms: number | undefined;
  readonly firstP99Ms: number | undefined;
  readonly events: number;
  /** Most events of one stream, to learn what a complete one is. */
  readonly eventsOfStream: number;
  /** Events that complete streams should have had and had not, and streams that ended without `[DONE]` or in the middle. */
  readonly lost: number;
  readonly truncated: number;
  readonly gapP99Ms: number | undefined;
  readonly gapMaxMs: number | undefined;
  readonly cpuTicks: number | undefined;
  /** Share of the core's time that something else than the watched process used. */
  readonly othersShare: number | undefined;
  readonly rssKib: number | undefined;
  readonly peakKib: number | undefined;
}

process.on('disconnect', () => process.exit());
process.once('message', (options: LoadOptions) => void new Load(options).run());

class Load {
  readonly #options: LoadOptions;
  readonly #latency = new Samples();
  readonly #first = new Samples();
  readonly #gap = new Samples();
  readonly #started = new Set<number>();
  #stopping = false;
  #requests = 0;
  #errors = 0;
  #firstError: string | undefined;
  #events = 0;
  #eventsOfStream = 0;
  #lost = 0;
  #truncated = 0;
  #since = 0;
  #cpu: number | undefined;
  #core: { busy: number; all: number } | undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { connections, openOverMs, warmupMs, measureMs } = this.#options;
    const clients = Array.from({ length: connections }, (_, index) => this.#client(index));
    clients.forEach((client, index) => {
      if (openOverMs === 0) client.start();
      else setTimeout(() => client.start(), (index * openOverMs) / connections);
    });
    if (measureMs === undefined) {
      this.#begin();
      process.once('message', () => {
        this.#stopping = true;
        void this.#ended(clients).then(() => this.#finish());
      });
      return;
    }
    await sleep(warmupMs);
    this.#begin();
    await sleep(measureMs);
    this.#finish();
  }

  #client(index: number): Client {
    return new Client(this.#options, {
      firstBody: (ms) => {
        this.#first.add(ms);
        this.#running(index);
      },
      events: (count, gapMs) => {
        this.#events += count;
        if (gapMs !== undefined) this.#gap.add(gapMs);
      },
      done: ({ ms, stream, events, complete }) => {
        this.#running(index);
        this.#requests++;
        this.#latency.add(ms);
        if (stream) {
          this.#eventsOfStream = Math.max(this.#eventsOfStream, events);
          this.#lost += Math.max(0, (this.#options.expectedEvents ?? events) - events);
          if (!complete) this.#truncated++;
        }
        return !this.#stopping;
      },
      failed: (message, inStream) => {
        this.#errors++;
        this.#firstError ??= message;
        if (inStream) this.#truncated++;
        return !this.#stopping;
      },
    });
  }

  #running(index: number): void {
    if (this.#started.size === this.#options.connections) return;
    this.#started.add(index);
    if (this.#started.size === this.#options.connections) process.send?.('running');
  }

  #begin(): void {
    for (const samples of [this.#latency, this.#first, this.#gap]) samples.clear();
    this.#requests = this.#events = 0;
    const { watch } = this.#options;
    this.#since = performance.now();
    if (watch === undefined) return;
    this.#cpu = readCpuTicks(watch.pid);
    this.#core = watch.core === undefined ? undefined : readCoreTicks(watch.core);
  }

  /** Waits for the running answers, and no longer than ten seconds. */
  async #ended(clients: readonly Client[]): Promise<void> {
    const until = performance.now() + 10_000;
    while (clients.some((client) => client.busy) && performance.now() < until) await sleep(20);
    const hanging = clients.filter((client) => client.busy).length;
    this.#truncated += hanging;
    this.#errors += hanging;
    if (hanging > 0) this.#firstError ??= `${hanging} answers did not end`;
  }

  #finish(): void {
    const { watch } = this.#options;
    const seconds = (performance.now() - this.#since) / 1000;
    const cpuTicks = watch === undefined || this.#cpu === undefined ? undefined : readCpuTicks(watch.pid) - this.#cpu;
    const memory = watch === undefined ? undefined : readMemoryKib(watch.pid);
    const latency = this.#latency.summary();
    const first = this.#first.summary();
    const gap = this.#gap.summary();
    const result: LoadResult = {
      seconds,
      requests: this.#requests,
      errors: this.#errors,
      firstError: this.#firstError,
      p50Ms: latency.p50,
      p99Ms: latency.p99,
      firstP50Ms: first.p50,
      firstP99Ms: first.p99,
      events: this.#events,
      eventsOfStream: this.#eventsOfStream,
      lost: this.#lost,
      truncated: this.#truncated,
      gapP99Ms: gap.p99,
      gapMaxMs: gap.max,
      cpuTicks,
      othersShare: this.#othersShare(cpuTicks),
      rssKib: memory?.rss,
      peakKib: memory?.peak,
    };
    process.send?.(result, () => process.exit());
  }

  #othersShare(cpuTicks: number | undefined): number | undefined {
    const core = this.#options.watch?.core;
    if (core === undefined || this.#core === undefined || cpuTicks === undefined) return undefined;
    const now = readCoreTicks(core);
    const all = now.all - this.#core.all;
    return all === 0 ? undefined : Math.max(0, now.busy - this.#core.busy - cpuTicks) / all;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
