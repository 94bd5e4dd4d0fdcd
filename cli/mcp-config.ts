import { Gateway } from '#core/resources/gateway-api/gateway';
import { Loader, type Sources } from '#core/resources/load';

import { autoConfig } from '../gateway/autoconfig.ts';
import { type LocalBridge, startBridge } from '../gateway/mcp/local/bridge.ts';
import { InvalidMcpConfig, type McpConfig, readMcpConfig } from '../gateway/mcp/local/config.ts';
import { gatewayResource, type GatewayPlace, MCP_PATH, mcpResources } from '../gateway/mcp/local/resources.ts';
import { CommandError } from './command.ts';
import { log } from './serve.ts';

/** Servers of a local file beside other resources, and the programs among them. */
export interface McpSources {
  readonly sources: Sources;
  readonly bridge: LocalBridge | undefined;
}

const OWN: GatewayPlace = { name: 'tierkit', namespace: 'default' };

/**
 * Adds the servers of a file to the resources. The programs among them are started: only a file of this machine can name any.
 * @param port of a Gateway that is made where there is none
 * @throws CommandError
 */
export async function withMcpConfig(
  file: string,
  paths: readonly string[],
  secretDir: string | undefined,
  port: number,
): Promise<McpSources> {
  const config = configOf(file);
  const others = othersOf(paths, secretDir, port);
  const given = others === undefined ? undefined : gatewayOf(others);
  const gateway = given ?? OWN;
  for (const notice of config.notices) log('info', notice);
  const bridge = config.bridged.length === 0 ? undefined : await startBridge(config.bridged, log);
  const { texts = [] } = others ?? {};
  const own = given === undefined ? [{ file: `${file} (Gateway)`, text: gatewayResource(OWN, port) }] : [];
  const names = [...config.bridged, ...config.urls].map(({ name }) => name).join(', ');
  log('info', `MCP servers of ${file} at ${MCP_PATH}: ${names}`);
  return {
    sources: {
      paths,
      secretDir,
      env: paths.length > 0 ? process.env : {},
      texts: [...texts, ...own, { file, text: mcpResources(config, bridge, gateway) }],
    },
    bridge,
  };
}

function configOf(file: string): McpConfig {
  try {
    return readMcpConfig(file, process.env);
  } catch (error) {
    if (error instanceof InvalidMcpConfig) throw new CommandError(`--mcp-config: ${error.message}`, { cause: error });
    throw error;
  }
}

/** @returns undefined: the file is all that there is */
function othersOf(paths: readonly string[], secretDir: string | undefined, port: number): Sources | undefined {
  if (paths.length > 0) return { paths, secretDir, env: process.env };
  const { yaml, problems } = autoConfig(process.env, port);
  if (problems.length > 0) throw new CommandError(problems.join('\n'));
  return yaml === undefined ? undefined : { paths, env: {}, texts: [{ file: 'environment', text: yaml }] };
}

/** @returns undefined where the resources have none: they are about the servers, such as an MCPToolLock. @throws CommandError */
function gatewayOf(sources: Sources): GatewayPlace | undefined {
  const gateways = new Loader().load(sources).set.list(Gateway);
  if (gateways.length > 1)
    throw new CommandError(`--mcp-config needs one Gateway to serve ${MCP_PATH} at; the resources have ${gateways.length}`);
  return gateways[0]?.metadata;
}
