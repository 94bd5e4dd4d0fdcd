import { hash } from 'node:crypto';

import type { Identity } from '../identify/identity.ts';
import { MAX_ID_BYTES } from '../limits/rule.ts';
import { boundSubject } from '../limits/subject.ts';
import type { Window } from '../limits/window.ts';
import type { Budget } from '../resources/tierkit/budget.ts';
import type { CoveredRequest, Covering, GatewayInfo } from '../route/covering.ts';
import type { RouteInfo } from '../route/rule.ts';

import type { BudgetRule } from './budget-rule.ts';

export interface CompiledBudgetOptions {
  readonly namespace: string;
  readonly name: string;
  readonly spec: Budget['body']['spec'];
  readonly window: Window;
  readonly windowName: string;
  readonly covering: Covering;
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
  readonly aboutTools: boolean;
  readonly models: readonly string[] | undefined;
  readonly clients: readonly string[] | undefined;
  readonly #covering: Covering;
  readonly #per: Budget['body']['spec']['per'];
  readonly #header: string;
  readonly #units: number;
  readonly #overrides: ReadonlyMap<string, number>;

  constructor({ namespace, name, spec, window, windowName, covering, units, overrides }: CompiledBudgetOptions) {
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
    this.aboutTools = currency !== undefined && covering.aboutTools;
    this.models = covering.models;
    this.clients = covering.clients;
    this.#covering = covering;
    this.#per = per;
    this.#header = header.toLowerCase();
    this.#units = units;
    this.#overrides = overrides;
    Object.freeze(this);
  }

  coversRoute(route: RouteInfo, gateway: GatewayInfo): boolean {
    return this.#covering.coversRoute(route, gateway);
  }

  covers(request: CoveredRequest): boolean {
    return this.#covering.covers(request);
  }

  subject(request: CoveredRequest): string {
    switch (this.#per) {
      case 'Client':
        return boundSubject(request.identity.clientId ?? '');
      case 'Model':
        return boundSubject(request.model ?? '');
      case 'Tool':
        return boundSubject(request.tool ?? '');
      case 'Route':
        return boundSubject(`${request.route.kind}/${request.route.namespace}/${request.route.name}`);
      case 'Header':
        return identityHeader(request.identity, this.#header);
      case undefined:
        return '';
    }
  }

  limit({ identity: { clientId } }: CoveredRequest): number {
    return (clientId === undefined ? undefined : this.#overrides.get(clientId)) ?? this.#units;
  }
}

function boundId(id: string): string {
  return Buffer.byteLength(id) <= MAX_ID_BYTES ? id : `Budget/#${hash('sha256', id, 'base64url')}`;
}

/** @returns the value that the identify stage gave a header, in lower case; empty where it gave none */
function identityHeader({ headers }: Identity, name: string): string {
  for (let at = 0; at < headers.length; at += 2) if (headers[at] === name) return boundSubject(headers[at + 1]!);
  return '';
}
