import { afterEach, describe, expect, it, vi } from 'vitest';
import { clean, composed, green, red, showFindings, table } from '../../src/cli/output.js';

const ESC = '\u001b';

describe('what the CLI writes', () => {
  afterEach(() => void vi.unstubAllEnvs());

  it('colours of ours reach a terminal, in tables too, and take no place there', () => {
    Object.defineProperty(process.stdout, 'isTTY', { value: true, configurable: true, writable: true });
    vi.stubEnv('NO_COLOR', '');
    expect(composed(`a ${green('active')}`)).toBe(`a ${ESC}[32mactive${ESC}[0m`);
    const [, first, second] = composed(
      table(
        ['state', 'name'],
        [
          [green('ok'), 'one'],
          ['halted', 'two'],
        ],
      ),
    ).split('\n');
    expect([first, second]).toEqual([`${ESC}[32mok${ESC}[0m      one`, 'halted  two']);
    Object.defineProperty(process.stdout, 'isTTY', { value: false, configurable: true, writable: true });
    expect(composed(red('plain'))).toBe('plain');
  });
  it('colours of others do not, nor anything else that a terminal obeys', () => {
    for (const text of [`${ESC}[32mactive${ESC}[0m`, `${ESC}]0;title\u0007`, '\u009b2J', 'a\u202eb', 'a\u2028b', '\uE000:32m\r']) {
      expect(composed(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}]/u);
      expect(composed(clean(text))).toBe(composed(text));
    }
  });
  it('a reason with line breaks in it writes no row of its own', () => {
    const forged = 'x\n99     2026-11-25 04:00:00Z (now)  member.resumed  system\tall is well';
    expect(composed(table(['event', 'reason'], [['3', forged]])).split('\n')).toHaveLength(2);
    expect(clean(forged)).not.toMatch(/[\n\t]/);
    const finding = { code: 'c', where: 'a\nb', clause: '§1', detail: 'one\ntwo', fix: 'do' };
    expect(composed(showFindings([finding as never])).split('\n')).toHaveLength(2);
  });
});
