import { KubernetesError } from './error.ts';

export type Log = (level: 'info' | 'warn', message: string) => void;

/**
 * Tells of failures once: when they begin, and when they are over. That no API server answers is one failure, whatever the number of
 * watches that notice.
 */
export class Outages {
  readonly #log: Log;
  readonly #server: string;
  readonly #onBack: () => void;
  readonly #away = new Set<string>();
  readonly #told = new Map<string, string>();
  #since = 0;

  /** @param onBack called when the first watch reaches a server that was away */
  constructor(server: string, log: Log, onBack: () => void = () => undefined) {
    this.#server = server;
    this.#log = log;
    this.#onBack = onBack;
  }

  /** @param error undefined: it works */
  report(subject: string, error: Error | undefined): void {
    if (error instanceof KubernetesError && error.unreachable) this.#isAway(subject, error);
    else {
      const back = this.#away.delete(subject);
      this.#tell(subject, error);
      if (back) this.#isBack();
    }
  }

  /** The subject is no longer watched. */
  forget(subject: string): void {
    this.#told.delete(subject);
    if (this.#away.delete(subject) && this.#away.size === 0) this.#isBack();
  }

  #isAway(subject: string, error: KubernetesError): void {
    if (this.#away.size === 0) {
      this.#since = Date.now();
      this.#log('warn', `${error.message}; what was read stays in service`);
    }
    this.#away.add(subject);
  }

  #isBack(): void {
    if (this.#away.size > 0) {
      this.#onBack();
      return;
    }
    const seconds = Math.round((Date.now() - this.#since) / 1000);
    this.#log('info', `the Kubernetes API at ${this.#server} is back after ${seconds} s`);
  }

  #tell(subject: string, error: Error | undefined): void {
    const told = this.#told.get(subject);
    if (error === undefined) {
      if (told === undefined) return;
      this.#told.delete(subject);
      this.#log('info', `${subject}: changes are noticed again`);
      return;
    }
    // What differs is a new failure, such as 403 after 503; the same one is not told twice.
    const kind = error instanceof KubernetesError ? `${error.status} ${error.reason}` : error.message;
    if (told === kind) return;
    this.#told.set(subject, kind);
    this.#log('warn', `${subject}: ${error.message}`);
  }
}
