import * as pulumi from '@pulumi/pulumi';

/** A resource as the engine would have been asked for it. */
export interface Registered {
  readonly urn: string;
  readonly type: string;
  readonly name: string;
  readonly custom: boolean;
  /** `urn::id` of the provider; empty: a default one. */
  readonly provider: string;
  /** Secrets are `{[SECRET]: true, value}` here. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** URNs. */
  readonly dependencies: readonly string[];
  readonly retainOnDelete: boolean;
}

interface RegisterRequest {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getProvider(): string;
  getDependenciesList(): string[];
  getRetainondelete(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> };
}

interface Monitor {
  registerResource(request: RegisterRequest, callback: (error: unknown, answer: unknown) => void): Promise<void>;
  newUrn(parent: string, type: string, name: string): string;
}

/** Value of the key `SIGNATURE` of a secret, as it goes to the engine. */
const SIGNATURE = '4dabf18193072939515e22adb298388d';
const SECRET_VALUE = '1b47061264138c4ac30d75fd1eb44270';
export const UNKNOWN_VALUE = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

/** Whether a property is encrypted in the state. */
export function isSecret(value: unknown): boolean {
  return typeof value === 'object' && value !== null && (value as Record<string, unknown>)[SIGNATURE] === SECRET_VALUE;
}

/** The content of a secret property. */
export function open(value: unknown): unknown {
  return isSecret(value) ? (value as { value: unknown }).value : value;
}

/**
 * Runs a program as the engine would, with answers that say that everything went well: an object is as it was given. One program a file:
 * what Pulumi's runtime keeps is global to it.
 * @param preview nothing is there yet, as in the preview of a new stack
 */
export async function runProgram(program: () => Promise<unknown>, preview = false): Promise<Registered[]> {
  const registered: Registered[] = [];
  await pulumi.runtime.setMocks(
    {
      newResource: ({ name, inputs }) => ({ id: preview ? undefined : `${name}-id`, state: inputs }),
      call: () => ({}),
    },
    'tierkit',
    'test',
    preview,
  );
  spy(registered);
  await program();
  // Registrations go on after the program's end.
  await pulumi.runtime.disconnect();
  return registered;
}

function spy(registered: Registered[]): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as Monitor;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    registered.push({
      urn: monitor.newUrn(request.getParent(), request.getType(), request.getName()),
      type: request.getType(),
      name: request.getName(),
      custom: request.getCustom(),
      provider: request.getProvider(),
      inputs: request.getObject().toJavaScript(),
      dependencies: request.getDependenciesList(),
      retainOnDelete: request.getRetainondelete(),
    });
    return register(request, callback);
  };
}
