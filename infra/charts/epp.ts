import { dump } from 'js-yaml';

import type { Model, Settings } from '../settings.ts';
import { imageReference } from './image.ts';
import { type PodLabels, podLabels } from './labels.ts';
import { modelLabels } from './model-server.ts';
import { MODEL_PORT } from './names.ts';
import { addConfigMap, addService } from './objects.ts';
import type { Sheet } from './sheet.ts';
import { addWorkload } from './workload.ts';

/** ext_proc. */
export const PICKER_PORT = 9002;
export const EPP_ADMIN_PORT = 1066;
const CONFIG = '/etc/tierkit/pool';

export function eppName({ name }: Model): string {
  return `${name}-epp`;
}

export function eppLabels(settings: Settings, model: Model): PodLabels {
  return { ...podLabels(settings, 'tierkit', 'epp'), 'tierkit.dev/pool': model.name };
}

/** A picker of its own for the pool of a model. It asks the name service for the pods, and needs no leave to read anything. */
export function addEpp(sheet: Sheet, settings: Settings, model: Model): void {
  const name = eppName(model);
  const pods = `${model.name}-pods`;
  const labels = eppLabels(settings, model);
  addService(sheet, { name: pods, labels: modelLabels(settings, model), ports: { http: MODEL_PORT }, headless: true });
  addService(sheet, { name, labels, ports: { grpc: PICKER_PORT } });
  addConfigMap(sheet, name, { 'pool.yaml': poolFile(settings, model, `${pods}.${model.namespace}.svc.cluster.local`) });
  addWorkload(sheet, settings, {
    name,
    labels,
    image: imageReference(settings.image),
    args: [
      'epp',
      `${CONFIG}/pool.yaml`,
      `--pool=${model.namespace}/${model.name}`,
      '--host=0.0.0.0',
      '--admin-host=0.0.0.0',
      `--grpc-port=${PICKER_PORT}`,
      `--drain=${settings.tierTwo.drainSeconds}s`,
    ],
    ports: { grpc: PICKER_PORT, admin: EPP_ADMIN_PORT },
    mounts: [{ path: CONFIG, configMap: name }],
    resources: settings.controller.resources,
    // Of several each would know a part of what the pods are doing.
    replicas: 1,
    live: { path: '/healthz', port: EPP_ADMIN_PORT },
    ready: { path: '/readyz', port: EPP_ADMIN_PORT },
    drainSeconds: settings.tierTwo.drainSeconds,
    leaves: 'by waiting',
  });
}

function poolFile(settings: Settings, model: Model, host: string): string {
  return dump({
    apiVersion: 'inference.networking.k8s.io/v1',
    kind: 'InferencePool',
    metadata: { name: model.name, namespace: model.namespace, annotations: { 'tierkit.dev/endpoints-dns': host } },
    spec: { selector: { matchLabels: { ...modelLabels(settings, model) } }, targetPorts: [{ number: MODEL_PORT }] },
  });
}
