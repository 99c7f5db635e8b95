import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ChildFailed } from './child.node.js';
import { createNarrator } from './narrator.js';
import { missingParts } from './parts.node.js';
import { openStage, type Scripts, type Stage } from './stage.node.js';
import { story } from './story.node.js';

const HERE = dirname(fileURLToPath(import.meta.url));
/** As they lie in the package. */
const PACKAGED: Scripts = { main: join(HERE, '../../main.node.js'), examples: join(HERE, '../../../../examples') };
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const STOPPED = 130;
const TAIL = 30;

/** Why the whole story cannot be told here, in a sentence with the remedy; undefined: it can. */
export function whyShort(scripts = PACKAGED): string | undefined {
  const missing = missingParts(scripts.examples);
  if (!missing) return undefined;
  const remedy = missing.command === undefined ? 'take a package that has them' : `install them beside this package: ${missing.command}`;
  return `The whole story has parties that are made of other packages. Missing here: ${missing.what.join(', ')}; ${remedy}. What follows is the short one.`;
}

/**
 * Tell the whole story: every party a process of its own, on loopback, in a folder that is gone afterwards. Ctrl-C ends all of it.
 * @param print is given whole lines
 * @returns the exit code
 */
export async function runStory(print: (text: string) => void, scripts = PACKAGED): Promise<number> {
  const tell = createNarrator(print);
  let stage: Stage | undefined;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    void stage?.close();
  };
  for (const signal of SIGNALS) process.on(signal, stop);
  try {
    stage = await openStage(scripts);
    if (stopped) return STOPPED;
    await story(tell, stage);
    return 0;
  } catch (error) {
    if (stopped) return STOPPED;
    tell.say('');
    tell.say(`The demo failed at step ${tell.current}`);
    tell.say(error instanceof Error ? error.message : String(error));
    const failed = error instanceof ChildFailed ? [{ name: error.child, notes: () => error.notes }] : (stage?.children ?? []);
    for (const { name, notes } of failed) {
      const said = notes().trim();
      if (said === '') continue;
      tell.say(`--- ${name}, standard error:`);
      for (const line of said.split('\n').slice(-TAIL)) tell.say(line);
    }
    return 1;
  } finally {
    await stage?.close();
    if (stopped) tell.say('Stopped: every process has ended, and the folder is gone.');
    for (const signal of SIGNALS) process.off(signal, stop);
  }
}
