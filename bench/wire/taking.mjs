// The yardstick of `npm run bench enrol`: one Hono process that reads a JSON body and answers with it.
import { serve } from '@hono/node-server';
import { Hono } from 'hono';

const app = new Hono();
app.post('*', async (c) => c.json(await c.req.json(), 201));
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => console.log(JSON.stringify({ port })));
