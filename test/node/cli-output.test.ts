import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { clean, composed, green, red, showFindings, showWide, table, when } from '../../src/cli/output.js';
import { widthOfText } from '../../src/cli/width.js';
import { MAIN } from '../support/process.js';

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

  describe('tables on a terminal', () => {
    const terminal = (columns: number | undefined) => {
      Object.defineProperty(process.stdout, 'isTTY', { value: columns !== undefined, configurable: true, writable: true });
      Object.defineProperty(process.stdout, 'columns', { value: columns, configurable: true, writable: true });
    };
    afterEach(() => {
      terminal(undefined);
      showWide(false);
    });
    const kid = 'k'.repeat(43);
    const rows = [
      ['active', `https://${'long.'.repeat(30)}example.org`, 'openid_relying_party,openid_provider', when(1_800_000_000)],
      [green('active'), `日本語の${'組織'.repeat(40)}`, `e\u0301${'a\u0308'.repeat(60)}`, '—'],
      ['x', '🎉'.repeat(50), '', ''],
    ];

    it('fit it, whatever is in them; --wide and no terminal show everything', () => {
      for (const columns of [80, 40, 200]) {
        terminal(columns);
        const shown = composed(table(['state', 'entity', 'types', 'since'], rows)).split('\n');
        const bare = shown.map((line) => line.replaceAll(new RegExp(`${ESC}\\[\\d+m`, 'g'), ''));
        for (const line of bare) expect(widthOfText(line), line).toBeLessThanOrEqual(columns);
        expect(bare[1]).toContain('…');
        expect(shown[2]?.split(`${ESC}[0m`).length, 'a colour is ended though the text is cut').toBe(shown[2]?.includes(`${ESC}[32m`) ? 2 : 1);
      }
      terminal(80);
      showWide(true);
      expect(composed(table(['state', 'entity', 'types', 'since'], rows))).not.toContain('…');
      showWide(false);
      terminal(undefined);
      expect(composed(table(['state', 'entity', 'types', 'since'], rows))).not.toContain('…');
    });
    it('do not cut what is copied into the next command', () => {
      terminal(60);
      expect(composed(table(['state', 'kid', 'note'], [['active', kid, 'n'.repeat(80)]]))).toContain(kid);
    });
    it('columns stand below each other whatever the script', () => {
      for (const [text, width] of [
        ['abc', 3],
        ['日本語', 6],
        ['ｱｲｳ', 3],
        ['ＡＢ', 4],
        ['한국', 4],
        ['e\u0301', 1],
        ['☎\ufe0f', 2],
        ['🎉', 2],
        ['Ünïcödé', 7],
      ] as const)
        expect(widthOfText(text), text).toBe(width);
      const places = composed(
        table(
          ['a', 'b'],
          [
            ['日本', 'x'],
            ['e\u0301e', 'x'],
          ],
        ),
      )
        .split('\n')
        .map((line) => widthOfText(line.slice(0, line.search(/[xb]$/))));
      expect(new Set(places)).toEqual(new Set([6]));
    });
  });
  it('a moment has its date with zone and how far it is; what is no moment is said, not thrown', () => {
    expect(when(1_800_000_000, 1_800_000_000 - 7200)).toBe('2027-01-15 08:00:00Z (in 2 h)');
    expect(when(1_800_000_000.7, 1_800_000_060)).toBe('2027-01-15 08:00:00Z (60 s ago)');
    for (const bad of [Number.NaN, 1e300, Infinity]) expect(when(bad)).toContain('no time');
  });
  it('a real terminal of 80 places: no line is longer, and --wide says all', async () => {
    const shown = async (...args: string[]) => {
      const child = spawn('script', ['-qec', `stty cols 80; ${process.execPath} ${MAIN} ${args.join(' ')}`, '/dev/null'], {
        env: { PATH: process.env['PATH'] ?? '', HOLDFAST_OUTBOUND_ALLOW: Array.from({ length: 12 }, (_, n) => `10.${n}.0.0/16`).join(',') },
      });
      let said = '';
      child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
      await new Promise((done) => child.once('close', done));
      return said.split('\r\n');
    };
    const [narrow, all] = await Promise.all([shown('config', 'show', '--sources'), shown('config', 'show', '--sources', '--wide')]);
    expect(Math.max(...narrow.map(widthOfText))).toBeLessThanOrEqual(80);
    expect(narrow.find((line) => line.includes('OUTBOUND'))).toContain('…');
    expect(all.find((line) => line.includes('OUTBOUND'))).toContain('10.11.0.0/16');
  });
});
