import { describe, expect, it } from 'vitest';
import { KeptAnswer } from '../../src/public/kept-answer.js';
import { rendered, written } from '../../src/public/rendered.node.js';

const END = 2_000_000_000;
const answer = (mediaType = 'application/entity-statement+jwt', tag = '"abc"', maxAge = 5) => new KeptAnswer('body', mediaType, tag, END, maxAge);

/** The head that a server of Node writes of what it is given. */
const linesOf = (fields: readonly string[]): string => fields.map((one, n) => (n % 2 === 0 ? `${one}: ` : `${one}\r\n`)).join('');

describe('what a kept answer is on a connection', () => {
  it.each([
    ['a statement', answer()],
    ['another media type', answer('application/json')],
    ['kept for longer', answer('application/json', '"abc"', 60)],
    ['for whoever asked alone', new KeptAnswer('body', 'application/trust-mark-status-response+jwt', undefined, END, 0)],
  ])('the same from a server as on a bare connection: %s', (_, kept) => {
    const server = rendered(kept);
    expect(written(kept, 200)?.head).toBe(`HTTP/1.1 200 OK\r\n${linesOf(server?.whole ?? [])}`);
    expect(written(kept, 304)?.head).toBe(`HTTP/1.1 304 Not Modified\r\n${linesOf(server?.unchanged ?? [])}`);
    expect(Object.entries(kept.headers).sort().flat()).toEqual(server?.bodiless);
  });
  it.each([
    ['a media type', answer('application/json\r\nx: y')],
    ['a media type that is alike', answer('application/json\n')],
    ['a tag', answer('application/json', '"a\r\nx: y"')],
    ['a tag beyond Latin-1', answer('application/json', '"\u0100"')],
  ])('of a damaged row nothing is written, by either: %s', (_, kept) => {
    expect([rendered(kept), written(kept, 200), written(kept, 304), written(kept, 200)]).toEqual([undefined, undefined, undefined, undefined]);
    expect(written(answer('application/json'), 200)?.head, 'and others are').toContain('content-type: application/json\r\n');
  });
  it('a tag that is unusual and may be sent is sent as it is', () => {
    for (const tag of ['W/"x"', '"ä"', '""', 'x']) expect(written(answer('text/plain', tag), 200)?.head).toContain(`\r\netag: ${tag}\r\n`);
  });
});
