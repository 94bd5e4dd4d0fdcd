// For tests: an MCPRoute whose tools have prices, and what is spent behind it.
import { startGateway, type TestGateway, type TestGatewayOptions } from '../../gateway.fixture.ts';
import { mcpYaml, type TestServer } from '../mcp.fixture.ts';
import { opening } from '../opening.fixture.ts';

/** Units of a budget that are one dollar. */
export const DOLLAR = 10_000_000;

/** A PriceTable; tools in the flow style of YAML. */
export function toolPrices(tools: string, currency = 'USD'): string {
  return `apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: p}
spec: {currency: ${currency}, tools: [${tools}]}`;
}

/** A Budget of a month. @param more fields of its spec, in the flow style with a comma in front */
export function toolBudget(amount: string, more = '', name = 'b'): string {
  return `apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: ${name}}
spec: {amount: "${amount}", currency: USD, window: {unit: Month}${more}}`;
}

export interface TollGateway extends TestGateway {
  readonly mcp: string;
  /** Units that a budget has used, and has set aside: of all subjects together. */
  spent(name?: string): Promise<readonly [used: number, reserved: number]>;
}

/** @param yaml further resources */
export async function tollGateway(
  servers: readonly TestServer[],
  yaml: readonly string[],
  { route = '', ...options }: Omit<TestGatewayOptions, 'yaml'> & { readonly route?: string } = {},
): Promise<TollGateway> {
  const made = await opening(startGateway({ ...options, yaml: [mcpYaml(servers, route), ...yaml].join('\n---\n') }));
  return {
    ...made,
    mcp: `${made.url}/mcp`,
    spent: async (name = 'b') => {
      const counts = (await (await fetch(`${made.adminUrl}/limits`)).json()) as { name: string; used: number; reserved: number }[];
      const own = counts.filter((count) => count.name === `Budget default/${name}`);
      return [own.reduce((sum, { used }) => sum + used, 0), own.reduce((sum, { reserved }) => sum + reserved, 0)];
    },
  };
}
