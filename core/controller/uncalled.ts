import { Dispatcher } from 'undici';

import { Kept } from '../kept.ts';
import { type Shared, sharedWith } from '../route/compile.ts';
import type { Pools } from '../route/scope.ts';

/** Stands for every connection: there is none. */
class Nowhere extends Dispatcher {
  override dispatch(): never {
    throw new Error('a controller calls no backend');
  }

  override close(): Promise<void> {
    return Promise.resolve();
  }

  override destroy(): Promise<void> {
    return Promise.resolve();
  }
}

/** What resources are compiled with where nobody sends requests: all connections lead nowhere. @param pools in a tier that has some */
export function uncalled(pools?: Pools): Shared {
  const nowhere = new Nowhere();
  return sharedWith(
    { kept: new Kept<Dispatcher>(() => undefined), pool: () => nowhere, destroy: () => Promise.resolve() },
    undefined,
    pools,
  );
}
