import { checkWhole, type Refuse } from './refusal.ts';

/** How one replica of a model is spread over GPUs and nodes (`spec.parallelism`). */
export interface Parallelism {
  /** GPUs that share each layer, all of one pod. */
  readonly tensor?: number;
  /** Nodes that layers are dealt out to, one after the other; not together with `data`. */
  readonly pipeline?: number;
  /** Copies of the model behind one address, over all nodes of a replica. */
  readonly data?: number;
  /** Those of one node: a replica has `data / dataLocal` nodes. */
  readonly dataLocal?: number;
  /** By which the copies agree. @default 5555, of KServe's preset */
  readonly dataRPCPort?: number;
  /** Experts of a layer are dealt out instead of cut. */
  readonly expert?: boolean;
}

/** Pods that one replica takes. */
export function nodesOf({ pipeline = 1, data, dataLocal }: Parallelism): number {
  return data === undefined || dataLocal === undefined ? pipeline : data / dataLocal;
}

/** GPUs that each pod of a replica takes. */
export function gpusOf({ tensor = 1, dataLocal = 1 }: Parallelism): number {
  return tensor * dataLocal;
}

/**
 * The rules of KServe's webhook, and those that it leaves to be found out by pods that never start.
 * @param at path of the workload: `spec` or `spec.prefill`
 */
export function checkParallelism(given: Parallelism | undefined, hasWorker: boolean, at: string, refuse: Refuse): void {
  const path = `${at}.parallelism`;
  const { tensor, pipeline, data, dataLocal, dataRPCPort, expert = false } = given ?? {};
  for (const [field, value] of Object.entries({ tensor, pipeline, data, dataLocal })) checkWhole(value, `${path}.${field}`, refuse);
  checkWhole(dataRPCPort, `${path}.dataRPCPort`, refuse, 1, 65_535);
  if (hasWorker && pipeline === undefined && data === undefined && dataLocal === undefined)
    refuse(`${at}.worker`, 'more nodes than one need parallelism.pipeline or parallelism.data: nothing says what the workers do');
  if (given === undefined) return;
  if (pipeline !== undefined && (data ?? dataLocal) !== undefined) refuse(path, 'has pipeline and data; KServe runs one of both');
  if (data !== undefined && dataLocal === undefined) refuse(`${path}.dataLocal`, 'is required with data: how many of them each node has');
  if (data === undefined && dataLocal !== undefined) refuse(`${path}.data`, 'is required with dataLocal: how many there are on all nodes');
  if (data !== undefined && dataLocal !== undefined && data % dataLocal !== 0)
    refuse(`${path}.data`, `${data} is no multiple of dataLocal, ${dataLocal}: the last node would have fewer than the others`);
  if (dataRPCPort !== undefined && data === undefined) refuse(`${path}.dataRPCPort`, 'is for data parallelism, and there is no data');
  if (expert && (tensor ?? 1) * (data ?? 1) === 1)
    refuse(`${path}.expert`, 'has nothing to deal experts out to: give tensor or data above 1');
  const nodes = nodesOf(given);
  if (nodes > 1 && !hasWorker)
    refuse(
      pipeline === undefined ? `${path}.data` : `${path}.pipeline`,
      `a replica has ${nodes} nodes, and ${at}.worker, the pods of all but the first, is missing`,
    );
}

/** Refuses pods with fewer GPUs than parallelism takes; pods without any are meant to run on CPUs. */
export function checkGpus(given: Parallelism, gpus: number, path: string, refuse: Refuse): void {
  const needed = gpusOf(given);
  if (gpus > 0 && gpus < needed) refuse(path, `the pod has ${gpus} GPUs, and tensor × dataLocal is ${needed}`);
}
