import { ApiObject, App, Chart } from 'cdk8s';

import { finish, type Finishing } from './finish.ts';
import type { Manifest } from './part.ts';

/** One chart of one namespace while it is written. */
export class Sheet {
  readonly chart: Chart;
  readonly namespace: string;
  readonly #finishing = new Map<string, Finishing>();

  constructor(namespace: string, labels: Readonly<Record<string, string>>) {
    this.namespace = namespace;
    // The names are ours: with a hash in them nobody could refer to an object from elsewhere.
    this.chart = new Chart(new App(), 'part', { namespace, labels: { ...labels }, disableResourceNameHashes: true });
  }

  /** An object of any kind, in the namespace of the sheet unless it names one. */
  add(object: { readonly apiVersion: string; readonly kind: string; readonly metadata: object; readonly [field: string]: unknown }): void {
    const { name, namespace } = object.metadata as { name: string; namespace?: string };
    void new ApiObject(this.chart, `${object.kind}/${namespace ?? this.namespace}/${name}`.replaceAll('/', ':'), object);
  }

  /** What cdk8s-plus-28 cannot say of a workload. */
  finish(kind: string, name: string, finishing: Finishing): void {
    this.#finishing.set(`${kind}/${name}`, finishing);
  }

  /** Namespaces first, all else as it was added. */
  manifests(): Manifest[] {
    const objects = this.chart.toJson() as Manifest[];
    const finished = objects.map((object) => finish(object, this.#finishing.get(`${object.kind}/${object.metadata.name}`)));
    return [...finished.filter(({ kind }) => kind === 'Namespace'), ...finished.filter(({ kind }) => kind !== 'Namespace')];
  }
}
