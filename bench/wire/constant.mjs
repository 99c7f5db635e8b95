// The yardstick of `npm run bench wire`: one Hono process that answers one constant body with one header, whatever is asked.
//   node bench/wire/constant.mjs <bytes>
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const body = 'x'.repeat(Number(process.argv[2]));
const app = new Hono();
app.get('*', (c) => c.body(body, 200, { 'content-type': 'application/entity-statement+jwt' }));
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(JSON.stringify({ port })));
