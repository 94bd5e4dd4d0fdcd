import { existsSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { join } from 'node:path';

import type { KubeConfig } from '@kubernetes/client-node';

import { defaultKubeconfigs, readKubeconfig } from './kubeconfig.ts';

/**
 * Which cluster, and as whom. Without kubeconfig and inCluster: KUBECONFIG, the home folder's kubeconfig, then the service account of the
 * pod.
 */
export interface ClusterLocation {
  readonly kubeconfig?: string | undefined;
  /** @default the kubeconfig's current-context */
  readonly context?: string | undefined;
  /** As the service account of the pod that this process runs in. */
  readonly inCluster?: boolean | undefined;
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Folder before `/var/run/secrets/...`, for tests. */
  readonly root?: string | undefined;
}

/** How one request shows who it is. */
export interface Access {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls: Tls;
}

export interface Tls {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  readonly serverName: string | undefined;
  readonly verify: boolean;
}

const SERVICE_ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
/** An exec plugin that asks a question waits for ever. */
const EXEC_MS = 60_000;

/**
 * Credentials of one cluster, by client-node: client certificates, tokens, token files that are read again every minute, exec plugins,
 * OpenID Connect.
 */
export class Credentials {
  readonly server: URL;
  /** HTTP proxy to the cluster, as `proxy-url` of the kubeconfig. */
  readonly proxyUrl: string | undefined;
  /** Namespace of the context or of the service account. */
  readonly namespace: string;
  readonly #load: () => KubeConfig;
  #config: KubeConfig;
  #pending: Promise<Access> | undefined;

  private constructor(load: () => KubeConfig) {
    this.#load = load;
    this.#config = load();
    const cluster = this.#config.getCurrentCluster()!;
    this.server = new URL(cluster.server);
    if (this.server.protocol === 'http:' && !cluster.skipTLSVerify) {
      throw new Error(`the Kubernetes API at ${cluster.server} has no TLS, and a token would travel in the clear: use https`);
    }
    this.proxyUrl = cluster.proxyUrl ?? undefined;
    if (this.proxyUrl !== undefined && !/^https?:/.test(this.proxyUrl)) {
      throw new Error(`proxy-url ${this.proxyUrl.split(':')[0]}: is not supported; http and https proxies are`);
    }
    this.namespace = this.#config.getContextObject(this.#config.getCurrentContext())?.namespace?.trim() || 'default';
  }

  /** @throws Error when there is no cluster at that place, or its files cannot be read */
  static async load(location: ClusterLocation = {}): Promise<Credentials> {
    // 0.2 s and 50 MB: only who uses Kubernetes pays for it.
    const { KubeConfig } = await import('@kubernetes/client-node');
    const { kubeconfig, context, env = process.env, root = '' } = location;
    const account = join(root === '' ? '/' : root, SERVICE_ACCOUNT, 'token');
    const files = kubeconfig === undefined ? defaultKubeconfigs(env) : [kubeconfig];
    const present = kubeconfig !== undefined || env['KUBECONFIG'] || existsSync(files[0]!);
    if (location.inCluster === true || !present) {
      if (!existsSync(account)) {
        throw new Error(
          location.inCluster === true
            ? `there is no service account token at ${account}: is this process in a pod with automountServiceAccountToken?`
            : `there is no Kubernetes cluster to use: no kubeconfig at ${files[0]}, and no service account of a pod`,
        );
      }
      if (!env['KUBERNETES_SERVICE_HOST'] || !env['KUBERNETES_SERVICE_PORT']) {
        throw new Error('KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set: they are in every pod');
      }
      return new Credentials(() => {
        const config = new KubeConfig();
        config.loadFromCluster(root);
        return config;
      });
    }
    return new Credentials(() => {
      const config = new KubeConfig();
      config.loadFromString(JSON.stringify(readKubeconfig(files, context)));
      return config;
    });
  }

  /** Access for a request that goes out now; requests that ask at once share one look-up. */
  access(): Promise<Access> {
    this.#pending ??= this.#access().finally(() => {
      this.#pending = undefined;
    });
    return this.#pending;
  }

  /** Forgets tokens: the server did not accept what is remembered. Files and plugins are read anew. */
  renew(): void {
    this.#config = this.#load();
  }

  async #access(): Promise<Access> {
    const options: RequestOptions = { headers: {} };
    await within(EXEC_MS, this.#config.applyToHTTPSOptions(options), 'the exec plugin of the kubeconfig did not answer in time');
    const headers: Record<string, string> = {};
    for (const [name, value] of Object.entries(options.headers ?? {})) headers[name.toLowerCase()] = String(value).trim();
    if (typeof options.auth === 'string') headers['authorization'] = `Basic ${Buffer.from(options.auth).toString('base64')}`;
    const { ca, cert, key, servername, rejectUnauthorized } = options;
    return {
      headers,
      tls: { ca: pem(ca), cert: pem(cert), key: pem(key), serverName: servername, verify: rejectUnauthorized !== false },
    };
  }
}

function pem(value: unknown): string | undefined {
  if (typeof value === 'string') return value;
  return Buffer.isBuffer(value) ? value.toString('utf8') : undefined;
}

async function within<T>(ms: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(message)), ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
