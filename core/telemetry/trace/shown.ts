import { TracePolicy } from '../../resources/tierkit/trace-policy.ts';
import {
  type CoveredRequest,
  type Covering,
  coveringOf,
  coveringOfInvalid,
  type CoveringScope,
  type Covers,
  type GatewayInfo,
} from '../../route/covering.ts';
import { CoveringTable } from '../../route/covering-table.ts';
import type { RouteInfo } from '../../route/rule.ts';
import type { TraceSettings } from './settings.ts';

/** Which sides of a conversation its trace tells. */
export interface Shown {
  readonly inputs: boolean;
  readonly outputs: boolean;
}

/** What the settings of a process say of it. */
export interface ShownByProcess extends Shown {
  /** Sides that are hidden by a switch of their own, and not only because nobody asked for them: no policy shows them. */
  readonly locked: Shown;
}

/** What is shown where no TracePolicy says anything. */
export function shownByProcess({
  convention,
  capturesContent,
  contentLocked,
  redaction: { hides, locked },
}: TraceSettings): ShownByProcess {
  if (convention === 'openinference') return { inputs: !hides.HIDE_INPUTS, outputs: !hides.HIDE_OUTPUTS, locked };
  return {
    inputs: capturesContent,
    outputs: capturesContent,
    locked: { inputs: contentLocked, outputs: contentLocked },
  };
}

type Content = TracePolicy['body']['spec']['content'];

const HIDDEN: Content = { inputs: 'Hide', outputs: 'Hide' };

/** A TracePolicy, ready to be asked. */
class TraceRule implements Covers {
  readonly clients: readonly string[] | undefined;
  readonly content: Content;
  readonly #covering: Covering;

  constructor(covering: Covering, content: Content) {
    this.clients = covering.clients;
    this.content = content;
    this.#covering = covering;
  }

  coversRoute(route: RouteInfo, gateway: GatewayInfo): boolean {
    return this.#covering.coversRoute(route, gateway);
  }

  covers(request: CoveredRequest): boolean {
    return this.#covering.covers(request);
  }
}

export type TraceRules = CoveringTable<TraceRule>;

/** The TracePolicies of a load. Reports targets that are not there. */
export function traceRulesOf(scope: CoveringScope): TraceRules {
  const rules = scope.set.all(TracePolicy).map((policy) => {
    const { spec } = policy.body;
    return new TraceRule(coveringOf(policy, spec, scope), spec.content);
  });
  // One that cannot be read may say that something is to be hidden.
  const broken = scope.set.invalid(TracePolicy).map((invalid) => new TraceRule(coveringOfInvalid(invalid, scope.shared), HIDDEN));
  return new CoveringTable([...rules, ...broken]);
}

/** What the trace of a request tells: one rule that hides goes before those that show. */
export function shownTo(request: CoveredRequest, rules: TraceRules, byProcess: ShownByProcess, traceId: string): Shown {
  const covering = rules.of(request);
  if (covering.length === 0) return byProcess;
  const { locked } = byProcess;
  return { inputs: shows('inputs'), outputs: shows('outputs') };

  function shows(side: 'inputs' | 'outputs'): boolean {
    if (locked[side] || covering.some(({ content }) => content[side] === 'Hide')) return false;
    const asking = covering.filter(({ content }) => content[side] === 'Show');
    if (asking.length === 0) return byProcess[side];
    return asking.some(({ content }) => chosen(traceId, content.percent ?? 100));
  }
}

/** The same for all processes that see the trace: trace ids are random. */
function chosen(traceId: string, percent: number): boolean {
  return Number.parseInt(traceId.slice(-8), 16) < (percent / 100) * 2 ** 32;
}
