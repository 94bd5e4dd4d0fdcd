import { createServer } from 'node:http';
import type { ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

interface Kind {
  readonly kind: string;
  readonly items: readonly { readonly metadata: { readonly name: string } }[];
}

/**
 * As much of a Kubernetes API server as the reference pickers need to start: discovery, lists, and watches in which nothing happens. Pool
 * `m` in namespace `default`, one ready pod an address, target port 18000.
 */
export async function kubeApi(addresses: readonly string[]): Promise<{ url: string; close(): void }> {
  const resources: Readonly<Record<string, Readonly<Record<string, Kind>>>> = {
    'api/v1': { pods: { kind: 'Pod', items: addresses.map(pod) } },
    'apis/inference.networking.k8s.io/v1': { inferencepools: { kind: 'InferencePool', items: [POOL] } },
    'apis/inference.networking.x-k8s.io/v1alpha2': {
      inferenceobjectives: { kind: 'InferenceObjective', items: [] },
      inferencemodelrewrites: { kind: 'InferenceModelRewrite', items: [] },
    },
  };
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const path = url.pathname.slice(1);
    if (path === 'api') return json(response, { kind: 'APIVersions', versions: ['v1'] });
    if (path === 'apis') return json(response, groups(Object.keys(resources)));
    const listed = resources[path];
    if (listed !== undefined) return json(response, resourceList(path, listed));
    for (const [version, kinds] of Object.entries(resources)) {
      const [name = '', object] = path
        .slice(version.length + 1)
        .replace(/^namespaces\/[^/]+\//, '')
        .split('/');
      const found = path.startsWith(`${version}/`) && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
      if (found === undefined) continue;
      const one = found.items.find((item) => item.metadata.name === object);
      if (one !== undefined) return json(response, one);
      // A client that is refused the newer way, a list inside a watch, falls back to the older one.
      if (url.searchParams.has('sendInitialEvents')) return json(response, failure(422, 'Invalid'), 422);
      if (url.searchParams.has('watch')) {
        response.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
        return;
      }
      const apiVersion = version.replace(/^apis?\//, '');
      return json(response, { apiVersion, kind: `${found.kind}List`, metadata: { resourceVersion: '1' }, items: found.items });
    }
    json(response, failure(404, 'NotFound'), 404);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const POOL = {
  apiVersion: 'inference.networking.k8s.io/v1',
  kind: 'InferencePool',
  metadata: { name: 'm', namespace: 'default', uid: 'pool', resourceVersion: '1' },
  spec: {
    selector: { matchLabels: { app: 'm' } },
    targetPorts: [{ number: 18_000 }],
    endpointPickerRef: { name: 'e', port: { number: 9002 } },
  },
};

function pod(ip: string, index: number): Kind['items'][number] {
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `pod-${index}`, namespace: 'default', uid: `pod-${index}`, resourceVersion: '1', labels: { app: 'm' } },
    spec: { containers: [{ name: 'server', image: 'server' }] },
    status: { phase: 'Running', podIP: ip, podIPs: [{ ip }], conditions: [{ type: 'Ready', status: 'True' }] },
  };
  return object;
}

function groups(paths: readonly string[]): unknown {
  const named = paths.flatMap((path) => {
    const [, name, version] = /^apis\/(.+)\/(.+)$/.exec(path) ?? [];
    if (name === undefined || version === undefined) return [];
    const versions = [{ groupVersion: `${name}/${version}`, version }];
    return [{ name, versions, preferredVersion: versions[0] }];
  });
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: named };
}

function resourceList(path: string, kinds: Readonly<Record<string, Kind>>): unknown {
  const resources = Object.entries(kinds).map(([name, { kind }]) => ({
    name,
    kind,
    singularName: '',
    namespaced: true,
    verbs: ['get', 'list', 'watch'],
  }));
  return { kind: 'APIResourceList', apiVersion: 'v1', groupVersion: path.replace(/^apis?\//, ''), resources };
}

function failure(code: number, reason: string): unknown {
  return { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, code, message: reason };
}

function json(response: ServerResponse, value: unknown, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
