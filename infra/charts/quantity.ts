const UNITS: Readonly<Record<string, number>> = {
  '': 1,
  m: 1e-3,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
};

/** A quantity of Kubernetes that the settings have checked, in its unit (bytes, cores). */
export function amountOf(quantity: string): number {
  const [, number = '0', unit = ''] = /^([0-9.]+)([A-Za-z]*)$/.exec(quantity) ?? [];
  return Number(number) * (UNITS[unit] ?? 1);
}

/** A quantity of memory in MiB. */
export function mibOf(memory: string): number {
  return amountOf(memory) / 2 ** 20;
}

/** Heap of a Node process in MiB: the rest of its memory is for buffers, code and stacks. */
export function heapMib(memory: string): number {
  return Math.floor(mibOf(memory) * 0.75);
}
