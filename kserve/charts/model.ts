import { checkWhole, type Refuse } from './refusal.ts';
import { checkUri, MODEL_SCHEMES } from './storage-uri.ts';

/** What is served. */
export interface Model {
  /** Where the weights are: `hf://OWNER/MODEL`, `pvc://CLAIM/PATH`, `s3://BUCKET/PATH`, `oci://IMAGE`. */
  readonly uri: string;
  /** What requests call it. */
  readonly name: string;
  readonly lora?: Lora;
  /** Secret of the namespace with `token`, of Hugging Face, for weights that are not public. */
  readonly tokenSecret?: string;
}

/** Adapters that are loaded with the model; requests call one instead of the model. */
export interface Lora {
  readonly adapters: readonly Adapter[];
  /** The highest rank among them. @default 16, of vLLM */
  readonly maxRank?: number;
  /** Of one batch. @default 1, of vLLM */
  readonly maxAdapters?: number;
  /** Kept in memory: no fewer than `maxAdapters`. @default `maxAdapters` */
  readonly maxCpuAdapters?: number;
}

export interface Adapter {
  readonly name: string;
  readonly uri: string;
}

export interface ModelSpec {
  readonly uri: string;
  readonly name: string;
  readonly lora?: Lora;
}

/** `spec.model`. */
export function modelSpec({ uri, name, lora }: Model, refuse: Refuse): ModelSpec {
  const path = 'spec.model';
  if (name === '') refuse(`${path}.name`, 'is empty: requests could not name it');
  checkUri(uri, MODEL_SCHEMES, `${path}.uri`, refuse);
  if (lora !== undefined) checkLora(lora, name, `${path}.lora`, refuse);
  return { uri, name, ...(lora === undefined ? {} : { lora: loraSpec(lora) }) };
}

/** KServe's webhook has the same rules, but for the last. */
function checkLora({ adapters, maxRank, maxAdapters, maxCpuAdapters }: Lora, model: string, path: string, refuse: Refuse): void {
  for (const [field, value] of Object.entries({ maxRank, maxAdapters, maxCpuAdapters })) checkWhole(value, `${path}.${field}`, refuse);
  const first = new Map<string, number>();
  for (const [index, { name, uri }] of adapters.entries()) {
    const at = `${path}.adapters[${index}]`;
    // It becomes the name of a folder.
    if (['', '.', '..'].includes(name)) refuse(`${at}.name`, `${JSON.stringify(name)} is no name`);
    if (name === model) refuse(`${at}.name`, `${JSON.stringify(name)} is the model itself; requests could not tell them apart`);
    if (first.has(name)) refuse(`${at}.name`, `${JSON.stringify(name)} is also adapters[${first.get(name)}]`);
    first.set(name, index);
    checkUri(uri, MODEL_SCHEMES, `${at}.uri`, refuse);
  }
  // vLLM does not start with it.
  if (maxCpuAdapters !== undefined && maxCpuAdapters < (maxAdapters ?? 1))
    refuse(`${path}.maxCpuAdapters`, `${maxCpuAdapters} is less than maxAdapters, ${maxAdapters ?? 1}`);
}

function loraSpec({ adapters, maxRank, maxAdapters, maxCpuAdapters }: Lora): Lora {
  return {
    adapters: adapters.map(({ name, uri }) => ({ uri, name })),
    ...(maxRank === undefined ? {} : { maxRank }),
    ...(maxAdapters === undefined ? {} : { maxAdapters }),
    ...(maxCpuAdapters === undefined ? {} : { maxCpuAdapters }),
  };
}
