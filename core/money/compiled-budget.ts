import { hash } from 'node:crypto';

import type { Identity } from '../identify/identity.ts';
import { MAX_ID_BYTES } from '../limits/rule.ts';
import { boundSubject } from '../limits/subject.ts';
import type { Window } from '../limits/window.ts';
import type { Budget } from '../resources/tierkit/budget.ts';

import type { BudgetedRequest, BudgetRule } from './budget-rule.ts';

interface Target {
  readonly kind: 'Gateway' | 'HTTPRoute' | 'AIGatewayRoute';
  readonly namespace: string;
  readonly name: string;
}

export interface CompiledBudgetOptions {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Budget['body']['spec'];
  readonly window: Window;
  readonly windowName: string;
  readonly targets: readonly Target[] | undefined;
  readonly units: number;
  /** By client. */
  readonly overrides: ReadonlyMap<string, number>;
}

/** A Budget as it was compiled. */
export class CompiledBudget implements BudgetRule {
  readonly id: string;
  readonly name: string;
  readonly hard: boolean;
  readonly window: Window;
  readonly unit: BudgetRule['unit'];
  readonly alerts: readonly number[];
  readonly failureMode: 'open' | 'closed';
  readonly refusesUnknownPrice: boolean;
  readonly models: readonly string[] | undefined;
  readonly clients: readonly string[] | undefined;
  readonly #targets: readonly Target[] | undefined;
  readonly #clients: ReadonlySet<string> | undefined;
  readonly #per: Budget['body']['spec']['per'];
  readonly #header: string;
  readonly #units: number;
  readonly #overrides: ReadonlyMap<string, number>;

  constructor({ namespace, name, spec, window, windowName, targets, units, overrides }: CompiledBudgetOptions) {
    const { currency, per, header = '' } = spec;
    // A count of one thing is no count of another: what changes any of these begins anew.
    this.id = boundId(`Budget/${namespace}/${name}/${currency ?? 'tokens'}/${windowName}/${per ?? ''}${header.toLowerCase()}`);
    this.name = `Budget ${namespace}/${name}`;
    this.hard = spec.mode === 'Hard';
    this.window = window;
    this.unit = currency === undefined ? 'tokens' : Object.freeze({ currency });
    this.alerts = Object.freeze([...(spec.alerts ?? [])].sort((a, b) => a - b));
    this.failureMode = (spec.failureMode ?? (this.hard ? 'Closed' : 'Open')) === 'Closed' ? 'closed' : 'open';
    this.refusesUnknownPrice = currency !== undefined && (spec.onUnknownPrice ?? (this.hard ? 'Refuse' : 'Ignore')) === 'Refuse';
    this.models = spec.match?.models === undefined ? undefined : Object.freeze([...spec.match.models]);
    this.clients = spec.match?.clients === undefined ? undefined : Object.freeze([...spec.match.clients]);
    this.#targets = targets;
    this.#clients = this.clients === undefined ? undefined : new Set(this.clients);
    this.#per = per;
    this.#header = header.toLowerCase();
    this.#units = units;
    this.#overrides = overrides;
    Object.freeze(this);
  }

  coversRoute(route: BudgetedRequest['route'], gateway: BudgetedRequest['gateway']): boolean {
    return this.#targets === undefined || isTarget(this.#targets, route, gateway);
  }

  covers(request: BudgetedRequest): boolean {
    if (!this.coversRoute(request.route, request.gateway)) return false;
    const { clientId } = request.identity;
    if (this.#clients !== undefined && (clientId === undefined || !this.#clients.has(clientId))) return false;
    return this.models === undefined || (request.model !== undefined && matchesModel(this.models, request.model));
  }

  subject(request: BudgetedRequest): string {
    switch (this.#per) {
      case 'Client':
        return boundSubject(request.identity.clientId ?? '');
      case 'Model':
        return boundSubject(request.model ?? '');
      case 'Route':
        return boundSubject(`${request.route.kind}/${request.route.namespace}/${request.route.name}`);
      case 'Header':
        return identityHeader(request.identity, this.#header);
      case undefined:
        return '';
    }
  }

  limit({ identity: { clientId } }: BudgetedRequest): number {
    return (clientId === undefined ? undefined : this.#overrides.get(clientId)) ?? this.#units;
  }
}

function isTarget(targets: readonly Target[], route: BudgetedRequest['route'], gateway: BudgetedRequest['gateway']): boolean {
  for (const { kind, namespace, name } of targets) {
    const found = kind === 'Gateway' ? gateway : route;
    if (found.name !== name || found.namespace !== namespace) continue;
    // In a cluster each AIGatewayRoute becomes an HTTPRoute of its name.
    if (kind !== 'AIGatewayRoute' || route.kind === 'AIGatewayRoute') return true;
  }
  return false;
}

/** @param patterns names of models, with `*` at the end or not at all */
function matchesModel(patterns: readonly string[], model: string): boolean {
  for (const pattern of patterns) if (pattern.endsWith('*') ? model.startsWith(pattern.slice(0, -1)) : pattern === model) return true;
  return false;
}

function boundId(id: string): string {
  return Buffer.byteLength(id) <= MAX_ID_BYTES ? id : `Budget/#${hash('sha256', id, 'base64url')}`;
}

/** @returns the value that the identify stage gave a header, in lower case; empty where it gave none */
function identityHeader({ headers }: Identity, name: string): string {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return boundSubject(headers[at + 1]!);
  return '';
}
