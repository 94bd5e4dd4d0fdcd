/** Work that can be left off at each `yield`, so that a process answers meanwhile. */
export type Sliced<T> = Generator<void, T, void>;

/** Time that one slice takes: a little more, as work is left off only where it can be. */
const SLICE_MS = 5;

/** Does it without leaving off. */
export function atOnce<T>(work: Sliced<T>): T {
  let step = work.next();
  while (step.done !== true) step = work.next();
  return step.value;
}

/** Does it in slices, with everything else that the process has to do between them. */
export async function inSlices<T>(work: Sliced<T>, sliceMs = SLICE_MS): Promise<T> {
  for (;;) {
    const end = performance.now() + sliceMs;
    do {
      const step = work.next();
      if (step.done === true) return step.value;
    } while (performance.now() < end);
    // What has come in meanwhile is answered first.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
