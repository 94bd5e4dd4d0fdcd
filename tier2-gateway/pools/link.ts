import type { Dispatcher } from 'undici';

import { Connections, type ConnectionSettings } from '#core/http/client';
import type { Origin } from '#core/http/origin';

/** The connections to one endpoint. They are made when they are first wanted: of thousands of endpoints most may never be called. */
export class Link {
  readonly #origin: Origin;
  readonly #settings: ConnectionSettings;
  readonly #connections = new Connections();
  #dispatcher: Dispatcher | undefined;

  constructor(origin: Origin, settings: ConnectionSettings) {
    this.#origin = origin;
    this.#settings = settings;
  }

  get dispatcher(): Dispatcher {
    return (this.#dispatcher ??= this.#connections.pool(this.#origin, this.#settings));
  }

  /** Closes them when the last request has ended. */
  close(): void {
    const { kept } = this.#connections;
    kept.begin();
    kept.commit();
  }

  /** Cuts what runs. */
  destroy(): Promise<void> {
    return this.#connections.destroy();
  }
}
