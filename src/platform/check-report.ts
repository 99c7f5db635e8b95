import { green, out, progress, progressEnds, red, table, talk } from '../cli/output.js';
import { type Damage, type DamageCode, REMEDIES } from '../operations/fsck/damage.js';

/** Lines of progress where nobody watches a terminal, at most so often (milliseconds). */
const EVERY_MS = 10_000;

/** What is being done, on one line of a terminal; elsewhere a line now and then. Called with nothing when it is done. */
export function progressLine(): (text?: string) => void {
  let last = performance.now();
  let begun = false;
  return (text) => {
    if (text === undefined) return begun ? progressEnds() : undefined;
    begun = true;
    if (process.stderr.isTTY) return progress(text);
    if (performance.now() - last < EVERY_MS) return;
    last = performance.now();
    talk(text);
  };
}

/** What a check found, with what to do about each kind. */
export function showReport(damaged: string, { integrity, damages }: { readonly integrity: string; readonly damages: readonly Damage[] }): void {
  if (integrity !== 'ok') out(`${red(damaged)}: ${integrity}`);
  else if (damages.length === 0) out(green('nothing is wrong'));
  if (damages.length === 0) return;
  out(
    table(
      ['code', 'authority', 'where', 'detail'],
      damages.map((one) => [one.code, one.authority, one.where, one.detail]),
    ),
  );
  const codes: readonly DamageCode[] = [...new Set(damages.map(({ code }) => code))];
  talk(`${damages.length} finding(s). What to do:`);
  for (const code of codes) talk(`  ${code} (${damages.filter((one) => one.code === code).length}): ${REMEDIES[code]}`);
}
