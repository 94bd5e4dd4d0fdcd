import { Backend, type Serving } from '../attempt/backend.ts';
import type { EndpointSlice } from '../kubernetes/endpoint-slices.ts';
import { type Metadata, nameOf, type Resource } from '../resources/kind.ts';
import type { Loaded } from '../resources/load.ts';
import type { Problem } from '../resources/problem.ts';
import type { Reason } from '../resources/reason.ts';
import { References } from '../resources/references.ts';

import type { CompileOptions, ResourceProblem, Shared } from './compile.ts';
import type { CompileWork } from './memory.ts';
import type { Scope } from './scope.ts';

/** A scope, and what is told to it. */
export interface Findings {
  readonly scope: Scope;
  readonly problems: (Problem | ResourceProblem)[];
  readonly notices: string[];
  /** The pools that can be served: to be filled in. */
  readonly servings: Map<string, Serving>;
  /** What was reported of a resource so far. */
  readonly problemsOf: (resource: Resource) => readonly ResourceProblem[] | undefined;
}

/** Of whom a problem is told, and what tells it from others. */
export interface Told {
  readonly key: string;
  readonly problem: ResourceProblem;
}

const NO_SLICES: readonly EndpointSlice[] = [];

/** The scope of one load. What is looked up in it and told to it is noted, so that remembered work tells it again. */
export function scopeOf(
  { set, namespaceLabels }: Loaded,
  { connections, credentials, exchanges, backends, pools }: Shared,
  work: CompileWork,
  { inCluster = false, allowLocalAddresses = !inCluster, slices = () => NO_SLICES }: CompileOptions,
): Findings {
  const problems: (Problem | ResourceProblem)[] = [];
  const notices: string[] = [];
  const broken = new Map<Metadata, ResourceProblem[]>();
  const told = new Set<string>();
  const servings = new Map<string, Serving>();
  const tell = ({ key, problem }: Told): void => {
    // What several Gateways, listeners or rules come across is one problem.
    if (told.has(key)) return;
    told.add(key);
    problems.push(problem);
    const { metadata } = problem.of;
    const others = broken.get(metadata);
    if (others === undefined) broken.set(metadata, [problem]);
    else others.push(problem);
  };
  const { recorder } = work;
  work.tell = tell;
  work.notice = (message) => void notices.push(message);
  const observed = set.observed(work.observer);
  const references = new References(observed, (key, name, permitted) => work.grants.note([key, name], permitted));
  work.grants.get = ([key, name]) => references.granted(key, name);
  work.labels.get = (namespace) => namespaceLabels.get(namespace);
  work.slices.get = slices;
  work.pools.get = (name) => servings.get(name);
  work.broken.get = (metadata) => broken.has(metadata);
  const scope: Scope = {
    set: observed,
    references,
    namespaceLabels: { get: (namespace) => work.labels.ask(namespace) },
    connections,
    credentials,
    exchanges,
    pools: pools === undefined ? undefined : { get: (name) => work.pools.ask(name) },
    slices: (service) => work.slices.ask(service),
    backend: (definition, key) => backends.get(key, () => new Backend(definition)),
    shared: inCluster,
    allowLocalAddresses,
    broken: ({ metadata }) => work.broken.ask(metadata),
    report(resource: Resource, path: string, message: string, reason?: Reason) {
      const name = nameOf(resource);
      const problem = { source: resource.source, resource: name, path, message, reason, of: resource };
      const what = { key: JSON.stringify([name, path, message]), problem };
      recorder.note(work.problem, what, undefined);
      tell(what);
    },
    notice(message) {
      recorder.note(work.notes, message, undefined);
      notices.push(message);
    },
  };
  return { scope, problems, notices, servings, problemsOf: ({ metadata }) => broken.get(metadata) };
}
