import { describe, expect, it } from 'vitest';
import { unambiguous } from '../../src/cli/arguments.js';
import { deaf, leaves, needed, sample } from '../support/node/commands.js';
import { command as run } from '../support/node/command.js';

/** What the action of a command is given for these words. */
async function given(words: readonly string[]): Promise<readonly unknown[] | string> {
  const told = deaf();
  try {
    await told.program.parseAsync([...unambiguous(told.program, words)], { from: 'user' });
    return told.heard ?? 'nothing was carried out';
  } catch (error) {
    return (error as Error).message;
  }
}
const THUMBPRINTS = [`-${'a'.repeat(42)}`, `--${'bC_-9'.repeat(9).slice(0, 41)}`, `-${'-'.repeat(42)}`];
const RANDOM = [...THUMBPRINTS, '-abc'];
/** Checked by their kind, which no word that begins with `-` is. */
const CHECKED = ['version', 'n', 'seq', 'entity-id'];

describe('arguments that begin with a dash', () => {
  it('are arguments of every command, wherever they stand among its options', async () => {
    let walked = 0;
    for (const { path, command } of leaves(deaf().program)) {
      for (const [place, argument] of command.registeredArguments.entries()) {
        if (CHECKED.includes(argument.name())) continue;
        for (const word of RANDOM) {
          const words = command.registeredArguments.slice(0, Math.max(place + 1, command.registeredArguments.filter(({ required }) => required).length));
          const typed = words.map((one, n) => (n === place ? word : sample(one.name())));
          const options = ['--json', ...needed(command)];
          for (const all of [
            [...path, ...typed, ...options],
            [...options.slice(0, 1), ...path, ...options.slice(1), ...typed],
          ])
            expect([(await given(all))[place]].flat()[0], all.join(' ')).toBe(word);
          walked++;
        }
      }
    }
    expect(walked).toBeGreaterThan(100);
  });
  it('what has no place, or is an option nearly, is an unknown option with a suggestion', async () => {
    for (const [words, unknown, meant] of [
      [['member', 'list', '--jsn'], '--jsn', '--json'],
      [['--jsn', 'member', 'list'], '--jsn', '--json'],
      [['member', 'show', '--jsn', 'mem_x'], '--jsn', '--json'],
      [['member', 'show', 'mem_x', '-json'], '-json', '--json'],
      [['member', 'suspend', 'mem_x', '--reson', 'x'], '--reson', '--reason'],
      [['key', 'stage', 'kid', '-abc'], '-abc', ''],
      [['key', 'list', THUMBPRINTS[1] ?? ''], THUMBPRINTS[1] ?? '', ''],
      [['key', 'stage', '-json'], '-json', '--json'],
    ] as const) {
      const { code, stderr } = await run(words);
      expect([code, stderr], words.join(' ')).toEqual([2, expect.stringContaining(`unknown option '${unknown}'`)]);
      expect(stderr).toContain(meant);
    }
  });
  it('values of options may begin with it too; an option name in the place of a value is a value forgotten', async () => {
    expect(await given(['member', 'suspend', 'mem_x', '--reason', '-audit failed'])).toMatchObject([['mem_x'], { reason: '-audit failed' }]);
    expect(await given(['key', 'revoke', '-abc', '--yes', '-abc', '--reason', 'compromised'])).toMatchObject(['-abc', { yes: '-abc', reason: 'compromised' }]);
    expect(await given(['key', 'revoke', '--yes=-abc', '--reason=--json', '--', '--json'])).toMatchObject(['--json', { yes: '-abc', reason: '--json' }]);
    expect(await given(['member', 'suspend', 'mem_x', '--reason', '--json'])).toContain('argument missing');
    expect(await given(['member', 'suspend', 'mem_x', '--reason'])).toContain('argument missing');
  });
  it('the two-word commands, help and a command with commands below it are found as before', async () => {
    expect(await given(['clock'])).toMatchObject([{}]);
    expect(await given(['clock', 'confirm', '--reason', 'x'])).toMatchObject([{ reason: 'x' }]);
    expect(await given(['member', 'nonsense'])).toContain("unknown command 'nonsense'");
    for (const words of [['key', 'stage', '--help'], ['help', 'key'], ['--version']]) expect((await run(words)).code, words.join(' ')).toBe(0);
    expect((await run(['key', 'stage', '-h'])).stdout).toContain('key stage');
    expect((await run(['key', '-x', 'stage'])).code).toBe(2);
  });
});

describe('options that are given several times', () => {
  it('never take the words behind them: none is variadic', async () => {
    const all = leaves(deaf().program).flatMap(({ path, command }) => command.options.map((option) => ({ path, option })));
    expect(all.filter(({ option }) => option.variadic)).toEqual([]);
    const [id, options] = await given([
      'member',
      'enroll',
      '--type',
      'openid_relying_party',
      '--waive',
      'a',
      '--type',
      'oauth_client',
      '--waive',
      'b',
      'https://x.org',
    ]);
    expect([id, options]).toMatchObject(['https://x.org', { type: ['openid_relying_party', 'oauth_client'], waive: ['a', 'b'] }]);
    expect(await given(['authority', 'change', '--hint', 'https://a.org', 'main'])).toMatchObject(['main', { hint: ['https://a.org'] }]);
  });
});
