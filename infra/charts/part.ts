import type { ClusterName } from '../settings.ts';

/** An object of Kubernetes as JSON. One that lives in a namespace always names it. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ManifestMetadata;
  readonly [field: string]: unknown;
}

export interface ManifestMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Objects of one part of the platform that go to one cluster together. Pure data, but for {@link LateObject.manifest}. */
export interface Part {
  /** Such as `tier-one`; unique within a platform. The same in both topologies, as resources are known by it. */
  readonly name: string;
  /** In `one-cluster` both are the same. */
  readonly cluster: ClusterName;
  /** Names of parts that have to be ready before it; they come before it in {@link platform}. */
  readonly needs: readonly string[];
  /** Namespaces first. */
  readonly manifests: readonly Manifest[];
  /** What is made before the manifests, but after the namespaces. */
  readonly secrets: readonly SecretNeed[];
  /** Objects that carry an address which is known once another part stands. Its pods get ready without them. */
  readonly late: readonly LateObject[];
  /** Custom resources that are not ready as soon as they are there. */
  readonly awaited: readonly Awaited[];
}

/** Waits until a condition of an object is `True`. */
export interface Awaited {
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly condition: string;
}

/** A Secret that the manifests refer to by name. */
export interface SecretNeed {
  readonly namespace: string;
  readonly name: string;
  /** @default Opaque */
  readonly type?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** By key of the Secret. */
  readonly values: Readonly<Record<string, SecretSource>>;
  /** It is made by others (an operator, a person): only its name and keys are known, nothing is to be made. @default false */
  readonly existing?: boolean;
}

/**
 * Where the value of a Secret's key comes from. Generated values are made once for the platform and kept: one name is one value,
 * in whichever cluster it is asked for.
 */
export type SecretSource =
  /** A key of Pulumi's secret configuration. `path` is the setting that names it. */
  | { readonly from: 'config'; readonly key: string; readonly path: string }
  /** A file of this machine; white space at its end is cut. */
  | { readonly from: 'file'; readonly file: string; readonly path: string }
  /** Private key of a generated Ed25519 pair: PKCS #8, PEM. The pair's name is the key's id. */
  | { readonly from: 'private-key'; readonly pair: string }
  /** Public keys of generated pairs, as a JWK set. */
  | { readonly from: 'public-keys'; readonly pairs: readonly string[] }
  /** A generated text of 40 letters and digits. */
  | { readonly from: 'generated'; readonly name: string }
  /** A text with a generated one in it: each `${name}` stands for the generated text of that name. */
  | { readonly from: 'template'; readonly text: string; readonly names: readonly string[] }
  /** Whatever others put there. */
  | { readonly from: 'existing' };

/** An object with an address in it, of the part that lists it. Its namespace and name never depend on the address. */
export interface LateObject {
  readonly address: AddressOf;
  /** Pure. @param host an IP address or a host name */
  readonly manifest: (host: string) => Manifest;
}

/** Where a late address is read, once {@link AddressOf.part} is ready. */
export type AddressOf = AddressPlace & { readonly part: string; readonly cluster: ClusterName };

type AddressPlace =
  /** `status.addresses[0].value` of a Gateway that {@link Part.awaited} names. */
  | { readonly of: 'Gateway'; readonly namespace: string; readonly name: string }
  /** `status.loadBalancer.ingress[0].ip`, or `hostname`, of a Service among the part's manifests. */
  | { readonly of: 'Service'; readonly namespace: string; readonly name: string };
