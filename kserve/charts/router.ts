import { checkName, checkObjectName, type Refuse } from './refusal.ts';

/** How requests come to the pods. */
export interface Router {
  /**
   * `kserve`: an InferencePool with a picker of llm-d, both made by KServe. A pool: one that is there already, with the picker that it
   * refers to, such as Tierkit's. Without it nothing picks within KServe: the pods are for an InferencePool that selects them.
   */
  readonly scheduler?: 'kserve' | { readonly pool: string };
  /** Gateways that KServe makes a route for. @default none: others route, as tier two of Tierkit does */
  readonly gateways?: readonly GatewayRef[];
}

export interface GatewayRef {
  readonly name: string;
  readonly namespace: string;
  /** Name of its listener. @default all */
  readonly listener?: string;
}

export interface RouterSpec {
  readonly scheduler?: { readonly pool?: { readonly ref: { readonly name: string } } };
  readonly route?: Readonly<Record<string, never>>;
  readonly gateway?: { readonly refs: readonly { readonly name: string; readonly namespace: string; readonly sectionName?: string }[] };
}

/** @returns nothing where KServe has nothing to do */
export function routerSpec({ scheduler, gateways = [] }: Router, refuse: Refuse): RouterSpec | undefined {
  if (scheduler === undefined && gateways.length === 0) return undefined;
  if (typeof scheduler === 'object') checkObjectName(scheduler.pool, 'spec.router.scheduler.pool.ref.name', refuse);
  for (const [index, { name, namespace }] of gateways.entries()) {
    checkObjectName(name, `spec.router.gateway.refs[${index}].name`, refuse);
    checkName(namespace, `spec.router.gateway.refs[${index}].namespace`, refuse);
  }
  return {
    ...(scheduler === undefined ? {} : { scheduler: scheduler === 'kserve' ? {} : { pool: { ref: { name: scheduler.pool } } } }),
    ...(gateways.length === 0 ? {} : { route: {}, gateway: { refs: gateways.map(gatewayRef) } }),
  };
}

function gatewayRef({ name, namespace, listener }: GatewayRef): { name: string; namespace: string; sectionName?: string } {
  return { name, namespace, ...(listener === undefined ? {} : { sectionName: listener }) };
}
