/** One command of a document, and what the document says it answers. */
export interface Step {
  /** Of the document. */
  readonly line: number;
  readonly command: string;
  readonly code: number;
  readonly background: boolean;
  /** Undefined where the document does not say. */
  readonly answer: readonly string[] | undefined;
}

/** Said in a block that no test can run, with the reason behind it. */
const NOT_RUN = '# not run by the tests: ';
/** The first line of a block that is a file. */
export const FILE = /^\/\/ ([\w-]+\.mjs)$/;
const EXITS = / # exits with (\d)$/;

/**
 * The commands of a document. A block of `sh` is one step, which ends at the first command that fails; in a block of `console`
 * each line that begins with `$ ` is one, and the lines below are what it answers. A block of `js` that begins with the name of a
 * file is written to it.
 */
export function stepsOf(markdown: string): Step[] {
  const steps: Step[] = [];
  const lines = markdown.split('\n');
  for (let n = 0; n < lines.length; n++) {
    const [, indent = '', language] = /^( *)```(\w*)\s*$/.exec(lines[n] ?? '') ?? [];
    if (language === undefined) continue;
    const begin = n + 1;
    do n++;
    while (n < lines.length && lines[n]?.trim() !== '```');
    const block = lines.slice(begin, n).map((one) => (one.startsWith(indent) ? one.slice(indent.length) : one));
    if (block.some((one) => one.includes(NOT_RUN))) continue;
    if (language === 'sh') steps.push({ line: begin + 1, command: ['set -e', ...block].join('\n'), code: 0, background: false, answer: undefined });
    const file = language === 'js' ? FILE.exec(block[0] ?? '')?.[1] : undefined;
    if (file !== undefined) {
      const command = [`cat > ${file} <<'END OF FILE'`, ...block, 'END OF FILE'].join('\n');
      steps.push({ line: begin + 1, command, code: 0, background: false, answer: undefined });
    }
    if (language === 'console') steps.push(...sessionOf(block, begin + 1));
  }
  return steps;
}

function sessionOf(block: readonly string[], line: number): Step[] {
  const steps: Step[] = [];
  for (const [n, one] of block.entries()) {
    if (one.startsWith('$ ')) {
      const [, code = '0'] = EXITS.exec(one) ?? [];
      const command = one.slice(2).replace(EXITS, '');
      steps.push({ line: line + n, command, code: Number(code), background: command.endsWith('&'), answer: [] });
    } else {
      const last = steps.pop();
      if (last) steps.push({ ...last, answer: [...(last.answer ?? []), one] });
    }
  }
  return steps;
}

/** What is different each time. */
const VARIES: readonly (readonly [RegExp, string])[] = [
  [/\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>'],
  [/<time> \((now|(in )?\d+ \w+( ago)?)\)/g, '<time>'],
  [/\b1[78]\d{8}\b/g, '<seconds>'],
  [/\bhf_(?:[\w-]+…?|…)/g, '<token>'],
  [/\b[a-z]{3}_[0-9a-z]+(…|\b)/g, '<id>'],
  [/\b[0-9a-f]{8}…[0-9a-f]{4}/g, '<hash>'],
  [/(?<![\w-])[\w-]{43}(?![\w-])/g, '<thumbprint>'],
  [/\b\d+ (bytes|ms)\b/g, '<n> $1'],
  [/[ \t]+/g, ' '],
];
const plain = (line: string): string => VARIES.reduce((text, [what, as]) => text.replaceAll(what, as), line).trim();

/**
 * Hold an answer against what the document says. `…` stands for anything on its line, alone on a line for any number of lines. The
 * order of the two streams is the terminal's.
 * @returns what is different; undefined when nothing is
 */
export function differs({ answer }: Step, out: string, err: string): string | undefined {
  if (!answer?.some((line) => line.trim())) return undefined;
  const said = answer.map(plain).filter(Boolean);
  const pattern = said.map((line) => (line === '…' ? '(?:.*\n)*?' : `${line.split('…').map(literally).join('.*')}\n`)).join('');
  const whole = new RegExp(`^${pattern}$`);
  const texts = [`${err}\n${out}`, `${out}\n${err}`].map((text) =>
    text
      .split('\n')
      .map(plain)
      .filter(Boolean)
      .map((line) => `${line}\n`)
      .join(''),
  );
  return texts.some((text) => whole.test(text)) ? undefined : `the document says\n${said.join('\n')}\nit answers\n${texts[0]}`;
}
const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
