import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

import { FolderWatch } from '#core/resources/watch';

import type { EndpointSource, PoolEndpoint } from './endpoint.ts';
import { parseEndpointsFile } from './endpoints-file.ts';

/** The system's notices get lost on network file systems, and for folders that go and come back: the file is looked at now and then as well. */
const POLL_MS = 2000;
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * A file of endpoints ({@link parseEndpointsFile}), read again whenever it changes. A file that is missing or wrong leaves the last list in
 * place. Whoever writes it should write another file and rename it: half a list may be a valid one.
 */
export class FileSource implements EndpointSource {
  readonly #file: string;
  readonly #targetPorts: readonly number[];
  readonly #onProblem: (message: string) => void;
  readonly #pollMs: number;
  #watch: FolderWatch | undefined;
  #timer: NodeJS.Timeout | undefined;
  #text: string | undefined;
  #problem: string | undefined;
  #onChange: (endpoints: readonly PoolEndpoint[]) => void = () => undefined;

  /** @param onProblem called once for each problem that was not there a moment before. */
  constructor(file: string, targetPorts: readonly number[], onProblem: (message: string) => void, pollMs = POLL_MS) {
    this.#file = file;
    this.#targetPorts = targetPorts;
    this.#onProblem = onProblem;
    this.#pollMs = pollMs;
  }

  start(onChange: (endpoints: readonly PoolEndpoint[]) => void): void {
    this.#onChange = onChange;
    this.#watch = new FolderWatch(
      () => this.#read(),
      (folder) => this.#onProblem(`${folder} cannot be watched: ${this.#file} is looked at every ${this.#pollMs} ms`),
    );
    this.#read();
    this.#timer = setInterval(() => this.#read(), this.#pollMs).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#watch?.close();
  }

  #read(): void {
    this.#watch?.update([dirname(this.#file)]);
    try {
      const size = statSync(this.#file).size;
      if (size > MAX_BYTES) throw new Error(`${this.#file}: has ${size} bytes, and may have ${MAX_BYTES}`);
      const text = readFileSync(this.#file, 'utf8');
      if (text === this.#text) {
        this.#problem = undefined;
        return;
      }
      const endpoints = parseEndpointsFile(this.#file, text, this.#targetPorts);
      this.#text = text;
      this.#problem = undefined;
      this.#onChange(endpoints);
    } catch (error) {
      const problem = (error as Error).message;
      if (problem !== this.#problem) this.#onProblem(problem);
      this.#problem = problem;
    }
  }
}
