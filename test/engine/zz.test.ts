import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { testDeployment, testMember } from '../support/deployment.js';
import { twoDecide } from '../support/people.js';
it('x', async () => {
  const d = await testDeployment();
  const W = 'Xylophonquark';
  const { owners, operator, approvers } = await twoDecide(d, 3);
  const { jwks } = await testMember('https://a.example');
  const m = (await operator.as('POST', '/authorities/main/members', { entity_id: 'https://a.example', jwks })).json;
  for (const a of approvers) await a.as('POST', `/authorities/main/members/${m.id}/approve`, {});
  await approvers[0].as('POST', `/authorities/main/members/${m.id}/activate`, {});
  await d.admin('POST', `/authorities/main/members/${m.id}/suspend`, { reason: `fired ${W}` }, { headers: { 'idempotency-key': 'a1' } });
  const p = await approvers[0].as('POST', `/authorities/main/members/${m.id}/resume`, { reason: `back ${W}` });
  const q = await approvers[1].as('POST', `/approvals/${p.json.approval.id}`, { verdict: 'approve', digest: p.json.approval.digest, note: `note ${W}` });
  console.log(p.status, q.status, q.text);
  await d.admin('POST', `/authorities/main/members/${m.id}/suspend`, { reason: `again ${W}` });
  const evs = (await d.admin('GET', '/authorities/main/events?limit=100')).json.items.filter((e: any) => JSON.stringify(e).includes(W));
  for (const e of evs) { const r = await d.admin('POST', `/authorities/main/events/${e.seq}/erase`, { reason: 'gdpr' }); console.log(e.seq, e.type, r.status, r.text.slice(0, 200)); }
  const tables = await d.rows("SELECT name FROM sqlite_master WHERE type='table'");
  for (const { name } of tables) {
    const rows = await d.rows(`SELECT * FROM "${name}"`);
    for (const r of rows) for (const [k, v] of Object.entries(r)) if (String(v).includes(W)) console.log('LEFT', name, k, String(v).slice(0, 200));
  }
  const [{ file }] = await d.rows("SELECT file FROM pragma_database_list WHERE name='main'") as any;
  for (const f of [file, `${file}-wal`]) { try { const t = readFileSync(f).toString('latin1'); console.log(f, t.split(W).length - 1); } catch (e) { console.log(String(e)); } }
});
