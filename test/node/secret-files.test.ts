import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ConfigError } from '../../src/platform/config.js';
import { secretsOfFiles } from '../../src/platform/secret-files.node.js';
import { admin, run, startProcess, tempFolder } from '../support/process.js';

const SEAL = Buffer.alloc(32, 7).toString('base64');

function secretFile(content: string, mode = 0o600): string {
  const file = join(tempFolder(), 'secret');
  writeFileSync(file, content);
  chmodSync(file, mode);
  return file;
}

describe('secrets', () => {
  it('are not taken from the command line, where everybody reads them; the words say what to do', async () => {
    for (const [flag, variable, value] of [
      ['seal-key', 'HOLDFAST_SEAL_KEY', SEAL],
      ['admin-token', 'HOLDFAST_ADMIN_TOKEN', 'a-token-of-more-than-sixteen'],
    ] as const) {
      const data = join(tempFolder(), 'data');
      for (const command of ['serve', 'init']) {
        const { code, stderr, stdout } = await run([command, `--${flag}`, value], { HOLDFAST_DATA: data });
        expect(code, command).toBe(2);
        expect(stderr).toContain(variable);
        expect(stderr).toContain(`--${flag}-file`);
        expect(stderr + stdout).not.toContain(value);
      }
      expect(existsSync(data), 'nothing was made').toBe(false);
      expect((await run(['serve', '--help'])).stdout).not.toContain(`--${flag} `);
    }
  });
  it('come from files of their owner: named by a flag or a variable', async () => {
    const [seal, token] = [secretFile(`${SEAL}\n`), secretFile('a-token-of-more-than-sixteen\n')];
    expect(secretsOfFiles({ HOLDFAST_SEAL_KEY_FILE: seal }, { adminTokenFile: token })).toEqual({ sealKey: SEAL, adminToken: 'a-token-of-more-than-sixteen' });
    expect(secretsOfFiles({ HOLDFAST_SEAL_KEY_FILE: '' }, {})).toEqual({});
    const folder = tempFolder();
    const server = await startProcess(folder, { args: ['--seal-key-file', seal], env: { HOLDFAST_ADMIN_TOKEN_FILE: token } });
    expect(existsSync(join(folder, 'seal.key'))).toBe(false);
    expect(readFileSync(`/proc/${server.child.pid}/cmdline`, 'utf8')).not.toContain(SEAL);
    expect((await admin({ url: server.url, token: 'a-token-of-more-than-sixteen' }, 'GET', '/whoami')).json.role).toBe('owner');
    expect(await run(['whoami'], { ...server.env, HOLDFAST_URL: server.url })).toMatchObject({ code: 0, stdout: expect.stringContaining('owner') });
    await server.kill('SIGTERM');
    const shown = await run(['config', 'show', '--sources'], { HOLDFAST_SEAL_KEY_FILE: seal });
    expect(shown.stdout).toMatch(/HOLDFAST_SEAL_KEY +\(set, not shown\) +file/);
  });
  it.each([0o644, 0o604, 0o606, 0o666, 0o601])('a file of mode %o is refused, with the mode it should have', (mode) => {
    const file = secretFile(SEAL, mode);
    expect(() => secretsOfFiles({ HOLDFAST_SEAL_KEY_FILE: file }, {})).toThrow(ConfigError);
    expect(() => secretsOfFiles({ HOLDFAST_SEAL_KEY_FILE: file }, {})).toThrow(`chmod 600 ${file}`);
  });
  it('a file that is missing, too large, or given beside the variable is refused, naming it; several faults are told together', () => {
    const large = secretFile('x'.repeat(5000));
    expect(() => secretsOfFiles({ HOLDFAST_SEAL_KEY_FILE: '/nowhere' }, { adminTokenFile: large })).toThrow(
      /cannot read \/nowhere \(ENOENT\)\nHOLDFAST_ADMIN_TOKEN_FILE.*4096/,
    );
    expect(() => secretsOfFiles({ HOLDFAST_SEAL_KEY: SEAL, HOLDFAST_SEAL_KEY_FILE: secretFile(SEAL) }, {})).toThrow(/leave one of them out/);
  });
});
