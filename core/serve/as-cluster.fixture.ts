// For tests: resources of files, taken for those of a cluster.
import type { CompileOptions } from '../route/compile.ts';
import { FileSource, type ResourceSource } from './source.ts';

/** What is wrong with the resources is left out, and each Gateway listens on a free port. */
export function asCluster(files: ConstructorParameters<typeof FileSource>[0], more: CompileOptions = {}): ResourceSource {
  const source = new FileSource(files);
  return {
    compile: { inCluster: true, allowLocalAddresses: true, listenOn: () => 0, ...more },
    changed: 'the cluster changed',
    open: () => source.open(),
    load: () => source.load(),
    complete: () => source.complete(),
    watch: (onChange) => source.watch(onChange),
    close: () => source.close(),
  };
}
