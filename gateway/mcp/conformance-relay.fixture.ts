// For tests: the command that the official suite runs as its client. It tells the test where the server of the scenario is, and waits until the test has driven it.
const [test, server] = process.argv.slice(2);
const context = process.env['MCP_CONFORMANCE_CONTEXT'] ?? '{}';
const answer = await fetch(test!, { method: 'POST', body: JSON.stringify({ url: server, context: JSON.parse(context) as unknown }) });
process.stderr.write(await answer.text());
process.exitCode = answer.ok ? 0 : 1;
