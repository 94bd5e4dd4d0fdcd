/** `app.kubernetes.io/name` of the parts that observe; their Services and Deployments are called so as well. */
export const OBSERVERS = { prometheus: 'prometheus', jaeger: 'jaeger', phoenix: 'phoenix' } as const;
export type ObserverName = keyof typeof OBSERVERS;
