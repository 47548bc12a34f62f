// A server of the Model Context Protocol, made with the official SDK: it knows nothing of tokens. Its tool `whoami` says who
// calls, as the filter has told it.
//
//   node mcp-server.mjs PORT
//
// PORT 0 takes a free one. It prints a line of JSON when it listens, {"port": …}, and ends when its standard input does.

import { createServer } from 'node:http';
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';

function tools() {
  const server = new McpServer({ name: 'tools', version: '1.0.0' });
  server.registerTool('whoami', { description: 'Says who calls' }, ({ requestInfo: { headers } }) => {
    const seen = { consumer: headers['x-consumer-username'], authorization: headers.authorization ?? null };
    return { content: [{ type: 'text', text: JSON.stringify(seen) }] };
  });
  return server;
}

process.stdin.resume().on('end', () => process.exit());

// A server for each request: no sessions.
const listener = createServer(async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined });
  response.on('close', () => transport.close());
  await tools().connect(transport);
  await transport.handleRequest(request, response);
});
listener.listen(Number(process.argv[2]), '127.0.0.1', () => console.log(JSON.stringify({ port: listener.address().port })));
