// A person at the development pages of oidc-provider, for trying: logs in by that name, and agrees. Real people bring their own browser.
//   node browser.mjs http://127.0.0.1:7001/login ada
import { realpathSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** @returns the text of the page where it ends */
export async function browseAs(name, start) {
  const cookies = new Map();
  const go = async (url, init = {}) => {
    const answer = await fetch(url, { ...init, redirect: 'manual', headers: { cookie: [...cookies].map((one) => one.join('=')).join('; ') } });
    for (const line of answer.headers.getSetCookie()) {
      const [, cookie, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
      if (value) cookies.set(cookie, value);
      else cookies.delete(cookie);
    }
    return answer;
  };
  let [url, answer] = [start, await go(start)];
  for (let pages = 0; pages < 20; pages++) {
    const next = answer.headers.get('location');
    if (next !== null) {
      url = new URL(next, url).href;
      answer = await go(url);
      continue;
    }
    const page = await answer.text();
    const [, action] = /<form[^>]* action="([^"]+)"/.exec(page) ?? [];
    const [, prompt] = /name="prompt" value="([^"]+)"/.exec(page) ?? [];
    if (action === undefined || prompt === undefined) return page;
    url = new URL(action, url).href;
    answer = await go(url, { method: 'POST', body: new URLSearchParams({ prompt, ...(prompt === 'login' && { login: name, password: 'any' }) }) });
  }
  throw new Error('it goes round in circles');
}

const [, script = '', start = '', name = ''] = process.argv;
if (script && realpathSync(script) === fileURLToPath(import.meta.url)) process.stdout.write(await browseAs(name, start));
