import type { CompiledLimit } from '../limits/compiled.ts';
import { type ModelQuota, modelQuota, type QuotaPlace, type ServiceQuota, serviceQuota } from '../limits/quota.ts';
import { type LimitRule, NO_LIMIT_RULES } from '../limits/rule.ts';
import { AIGatewayRoute } from '../resources/ai-gateway/ai-gateway-route.ts';
import { AIServiceBackend } from '../resources/ai-gateway/ai-service-backend.ts';
import { QuotaPolicy } from '../resources/ai-gateway/quota-policy.ts';
import { nameOf } from '../resources/kind.ts';
import { didYouMean } from '../resources/nearest.ts';

import type { Security } from '../identify/identity.ts';
import { type CompileWork, sameResource } from './memory.ts';
import type { Scope } from './scope.ts';

/** A part of a QuotaPolicy, and where in it. */
interface Part<Q> {
  readonly policy: QuotaPolicy;
  readonly path: string;
  readonly quota: Q;
}

/** The quotas of one AIServiceBackend. */
export interface BackendQuotas {
  readonly backend: string;
  /** A policy that cannot be read: nobody knows what it limits. */
  unread: string | undefined;
  service: Part<ServiceQuota> | undefined;
  /** By the name that the backend knows the model by. */
  readonly models: Map<string, Part<ModelQuota>>;
}

/** QuotaPolicies, by the backend that they are for. */
export class QuotasOf {
  readonly #scope: Scope;
  readonly #work: CompileWork;
  readonly #byBackend = new Map<string, BackendQuotas>();

  /** @param before quotas by backend that are remembered: those that are the same stay */
  constructor(scope: Scope, work: CompileWork, before: ReadonlyMap<string, BackendQuotas> = new Map()) {
    this.#scope = scope;
    this.#work = work;
    const policies = [...scope.set.all(QuotaPolicy)].sort((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
    for (const policy of policies) this.#add(policy);
    for (const { namespace, name, policy } of scope.set.invalidTargets(QuotaPolicy)) this.#of(namespace, name).unread = policy;
    if (this.#byBackend.size > 0) this.#noticeUnused();
    for (const [key, quotas] of this.#byBackend) {
      const known = before.get(key);
      if (known !== undefined && sameQuotas(known, quotas)) this.#byBackend.set(key, known);
    }
    work.quotas.get = (key) => this.#byBackend.get(key);
    work.quotas.unchanged = this.#byBackend.size === 0 && before.size === 0;
  }

  /** To be remembered. */
  get quotas(): ReadonlyMap<string, BackendQuotas> {
    return this.#byBackend;
  }

  /**
   * Quotas of a backend at one place of a route.
   * @param key of the backend, `namespace/name`
   * @param override the model that the backend is asked for, whatever the client asks for
   * @param asked the models that clients can ask for there; undefined: any
   */
  at(
    key: string,
    override: string | undefined,
    asked: ReadonlySet<string> | undefined,
    security: Security | undefined,
  ): readonly LimitRule[] {
    const quotas = this.#work.quotas.ask(key);
    if (quotas === undefined) return NO_LIMIT_RULES;
    const { models, service } = quotas;
    if (override !== undefined) {
      const own = models.get(override);
      if (own !== undefined) return this.#ofModel(quotas, own, false, security);
      return service === undefined ? NO_LIMIT_RULES : this.#ofService(quotas, service, false);
    }
    const rules: LimitRule[] = [];
    for (const [model, part] of models)
      if (asked === undefined || asked.has(model)) rules.push(...this.#ofModel(quotas, part, true, security));
    if (service !== undefined && (asked === undefined || !asked.isSubsetOf(new Set(models.keys()))))
      rules.push(...this.#ofService(quotas, service, true));
    return rules.length === 0 ? NO_LIMIT_RULES : Object.freeze(rules);
  }

  /** Name of a policy for a backend that has problems. Asked when the quotas of the place are known. */
  broken(key: string): string | undefined {
    const quotas = this.#work.quotas.ask(key);
    if (quotas === undefined) return undefined;
    const policies = new Set([quotas.service, ...quotas.models.values()].map((part) => part?.policy));
    const broken = [...policies].find((policy) => policy !== undefined && this.#scope.broken(policy));
    return quotas.unread ?? (broken === undefined ? undefined : nameOf(broken));
  }

  #of(namespace: string, backend: string): BackendQuotas {
    const key = `${namespace}/${backend}`;
    let quotas = this.#byBackend.get(key);
    if (quotas === undefined) this.#byBackend.set(key, (quotas = { backend, unread: undefined, service: undefined, models: new Map() }));
    return quotas;
  }

  #ofModel(quotas: BackendQuotas, part: Part<ModelQuota>, any: boolean, security: Security | undefined): readonly CompiledLimit[] {
    const { modelName } = part.quota;
    const models = any ? { names: new Set([modelName]), except: false } : undefined;
    return this.#compile(part, quotas, any, security, (place) =>
      modelQuota(part.quota, { ...place, models }, security, (path, message) => this.#scope.report(part.policy, path, message)),
    );
  }

  #ofService(quotas: BackendQuotas, part: Part<ServiceQuota>, any: boolean): readonly CompiledLimit[] {
    const { models: own } = quotas;
    const models = any && own.size > 0 ? { names: new Set(own.keys()), except: true } : undefined;
    return this.#compile(part, quotas, any, undefined, (place) => [serviceQuota(part.quota, { ...place, models })]);
  }

  #compile(
    { policy, path }: Part<unknown>,
    quotas: BackendQuotas,
    any: boolean,
    security: Security | undefined,
    compile: (place: Omit<QuotaPlace, 'models'>) => readonly CompiledLimit[],
  ): readonly CompiledLimit[] {
    const { id, quotaLimits } = this.#work;
    const key = `${id(quotas)} ${id(policy.body)} ${path} ${any} ${id(security)}`;
    return quotaLimits.of(key, undefined, () => Object.freeze(compile({ policy, path, backend: quotas.backend })));
  }

  /** Of several policies for one thing, the one that is first by namespace and name holds, as with Envoy AI Gateway. */
  #add(policy: QuotaPolicy): void {
    const { targetRefs = [], serviceQuota: service, perModelQuotas = [] } = policy.body.spec ?? {};
    if (targetRefs.length === 0) this.#scope.notice(`${nameOf(policy)} has no targetRefs, and limits nothing`);
    const { namespace } = policy.metadata;
    for (const [index, { name }] of targetRefs.entries()) {
      if (this.#scope.set.get(AIServiceBackend, namespace, name) === undefined) {
        const { references } = this.#scope;
        this.#scope.report(policy, `spec.targetRefs[${index}].name`, references.missing('AIServiceBackend', namespace, name));
        continue;
      }
      const key = `${namespace}/${name}`;
      const quotas = this.#of(namespace, name);
      const passedOver = (what: string, by: QuotaPolicy): void => {
        if (by !== policy)
          this.#scope.notice(`${nameOf(policy)}: ${what} of AIServiceBackend ${key} has no effect: that of ${nameOf(by)} comes first`);
      };
      for (const [place, quota] of perModelQuotas.entries()) {
        const earlier = quotas.models.get(quota.modelName);
        if (earlier === undefined) quotas.models.set(quota.modelName, { policy, path: `spec.perModelQuotas[${place}]`, quota });
        else passedOver(`the quota for model ${JSON.stringify(quota.modelName)}`, earlier.policy);
      }
      if (service === undefined) continue;
      if (quotas.service === undefined) quotas.service = { policy, path: 'spec.serviceQuota', quota: service };
      else passedOver('the service quota', quotas.service.policy);
    }
  }

  /** A quota for a model that no route asks its backend for is most likely a slip. */
  #noticeUnused(): void {
    const asked = new Map<string, Set<string | undefined>>();
    for (const route of this.#scope.set.all(AIGatewayRoute)) {
      for (const ref of route.body.spec.rules.flatMap((rule) => rule.backendRefs ?? [])) {
        if (ref.kind !== undefined) continue;
        const key = `${ref.namespace ?? route.metadata.namespace}/${ref.name}`;
        const models = asked.get(key) ?? new Set<string | undefined>();
        asked.set(key, models.add(ref.modelNameOverride === '' ? undefined : ref.modelNameOverride));
      }
    }
    for (const [key, { models }] of this.#byBackend) {
      const names = asked.get(key);
      // Without an override the backend may be asked for any model.
      if (names === undefined || names.has(undefined)) continue;
      for (const [model, { policy, path }] of models) {
        if (names.has(model)) continue;
        const near = didYouMean(model, names as Set<string>);
        this.#scope.notice(`${nameOf(policy)}: ${path}: no route asks AIServiceBackend ${key} for model ${JSON.stringify(model)}${near}`);
      }
    }
  }
}

function sameQuotas(one: BackendQuotas, other: BackendQuotas): boolean {
  if (
    one.backend !== other.backend ||
    one.unread !== other.unread ||
    !samePart(one.service, other.service) ||
    one.models.size !== other.models.size
  )
    return false;
  const models = [...other.models];
  // Their order is that of the limits.
  return [...one.models].every(([name, part], at) => name === models[at]![0] && samePart(part, models[at]![1]));
}

function samePart(one: Part<unknown> | undefined, other: Part<unknown> | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && sameResource(one.policy, other.policy) && one.path === other.path);
}

function sortKey({ metadata: { namespace, name } }: QuotaPolicy): string {
  return `${namespace}/${name}`;
}
