import { expectInForce } from '../operations/access/in-force.js';
import { DEPLOYMENT } from '../operations/call.js';
import type { AdminContext } from './context.js';

/** Lines of JSON, some at a time: undefined after the last ones. */
export interface Lines {
  next(): Promise<string | undefined>;
  /** Nobody reads on. */
  cancel?(): void;
}

/**
 * Lines are made as they are read: whoever reads slowly holds nothing up but himself. That may last for hours, so it is asked before each
 * piece whether the key is in force still; where it was ended the answer breaks off.
 */
export function streamed(c: AdminContext, lines: Lines): Response {
  const encoder = new TextEncoder();
  const { call } = c.var;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await expectInForce(call, DEPLOYMENT);
      let text = await lines.next();
      while (text === '') text = await lines.next();
      if (text === undefined) controller.close();
      else controller.enqueue(encoder.encode(text));
    },
    cancel: () => lines.cancel?.(),
  });
  return c.body(body, 200, { 'content-type': 'application/x-ndjson', 'cache-control': 'no-store' });
}
