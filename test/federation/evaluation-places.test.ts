import { describe, expect, it } from 'vitest';
import { createHostStanding } from '../../src/operations/resolving/host-standing.js';
import { createPlaces, inPlace, SHARES } from '../../src/operations/resolving/places.js';

const tick = async () => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

/** Whoever is let in, in order, with what gives its place back. */
function people(places = createPlaces()) {
  const inside = new Map<string, () => void>();
  const order: string[] = [];
  return {
    places,
    order,
    inside: () => [...inside.keys()],
    enter(name: string, ...where: Parameters<typeof places.enter>) {
      void places.enter(...where).then((leave) => {
        order.push(name);
        inside.set(name, leave);
      });
    },
    async leave(name: string) {
      inside.get(name)?.();
      inside.delete(name);
      await tick();
    },
  };
}

describe('places (OpenID Federation 1.0 §18.1): each line has its own, and who is alone has all of them', () => {
  it('a line that is full keeps nobody of another one waiting', async () => {
    const p = people();
    for (let n = 0; n < SHARES.rest.places + 2; n++) p.enter(`rest${n}`, 'rest', 'together');
    p.enter('changed', 'changed', 'together');
    p.enter('turn', 'turn', 'together');
    await tick();
    expect(p.inside()).toEqual([...Array.from({ length: SHARES.rest.places }, (_, n) => `rest${n}`), 'changed', 'turn']);
    await p.leave('rest1');
    expect(p.order.at(-1), 'in order').toBe(`rest${SHARES.rest.places}`);
  });
  it('who is alone waits until all have left, and then nobody comes in; several of them take turns with the others', async () => {
    const p = people();
    p.enter('a', 'held', 'together');
    p.enter('killer1', 'changed', 'alone');
    p.enter('killer2', 'turn', 'alone');
    p.enter('b', 'held', 'together');
    await tick();
    expect(p.inside()).toEqual(['a']);
    await p.leave('a');
    expect([p.inside(), p.places.taken]).toEqual([['killer1'], 1]);
    p.enter('c', 'turn', 'together');
    await tick();
    expect(p.inside()).toEqual(['killer1']);
    await p.leave('killer1');
    expect(p.inside(), 'those who waited, before the next one').toEqual(['b', 'c']);
    await p.leave('b');
    await p.leave('c');
    expect(p.inside()).toEqual(['killer2']);
    await p.leave('killer2');
    expect(p.places.taken).toBe(0);
  });
  it('a place is given back when the work fails, and once', async () => {
    const places = createPlaces();
    await expect(inPlace(places, 'alone', () => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
    const leave = await places.enter('rest', 'together');
    leave();
    leave();
    expect(places.taken).toBe(0);
    expect(await inPlace(undefined, 'alone', async () => 1), 'without places').toBe(1);
  });
});

describe('hosts', () => {
  const NOW = 1_000_000;
  const standing = () => createHostStanding({ random: () => 0 });
  const fails = (of: ReturnType<typeof standing>, times: number, at = NOW) => {
    for (let n = 0; n < times; n++) {
      of.begin('h');
      of.end('h', at, false, 3);
    }
  };

  it('a host that did not answer three times in a row is left alone, twice as long each time, twelve hours at most', () => {
    const of = standing();
    fails(of, 2);
    expect(of.turnOf('h', NOW, 'other'), 'once may be anything').toBe('now');
    fails(of, 1);
    expect(of.turnOf('h', NOW, 'other')).toBe(NOW + 30 + 3);
    expect(of.turnOf('other', NOW, 'other')).toBe('now');
    fails(of, 1);
    expect(of.turnOf('h', NOW, 'other')).toBe(NOW + 60 + 6);
    fails(of, 20);
    expect(of.turnOf('h', NOW, 'other')).toBe(NOW + 43_200 + 4320);
    expect(of.turnOf('h', NOW + 43_200, 'other'), 'one is asked').toBe('now');
    of.begin('h');
    expect(of.turnOf('h', NOW + 43_200, 'other'), 'and the others wait for that').toBe(NOW + 43_200 + 5);
    of.end('h', NOW + 43_200, true, 0.1);
    expect(of.turnOf('h', NOW + 43_200, 'other')).toBe('now');
  });
  it('a path that hangs beside others that answer makes no host silent; nor does one that nobody asked', () => {
    const of = standing();
    for (let n = 0; n < 10; n++) {
      fails(of, 2);
      of.begin('h');
      of.end('h', NOW, true, 0.1);
    }
    fails(of, 2);
    of.begin('h');
    of.end('h', NOW, undefined, 0);
    expect(of.turnOf('h', NOW, 'other')).toBe('now');
  });
  it('a new member is reason to ask a silent host, five seconds after the last time, one at a time', () => {
    const of = standing();
    fails(of, 5);
    expect(of.turnOf('h', NOW + 4, 'new')).toBeGreaterThan(NOW + 30);
    expect(of.turnOf('h', NOW + 5, 'other')).toBeGreaterThan(NOW + 30);
    expect(of.turnOf('h', NOW + 5, 'new')).toBe('now');
    of.begin('h');
    expect(of.turnOf('h', NOW + 5, 'new')).toBeGreaterThan(NOW + 30);
  });
  it('of a host that is slow four are asked, and the others one after another; of a quick one they come in a moment', () => {
    const of = standing();
    const busy = (seconds: number) => {
      of.begin('h');
      of.end('h', NOW, true, seconds);
      for (let n = 0; n < 4; n++) of.begin('h');
    };
    busy(0.01);
    expect(of.turnOf('h', NOW, 'other')).toBe('soon');
    for (let n = 0; n < 4; n++) of.end('h', NOW, true, 4);
    busy(4);
    const turns = Array.from({ length: 8 }, () => Number(of.turnOf('h', NOW, 'other')));
    expect(turns[0]).toBe(NOW + 1);
    expect(turns).toEqual([...turns].sort((a, b) => a - b));
    expect(turns.at(-1)).toBeGreaterThan(NOW + 5);
    for (let n = 0; n < 5000; n++) of.turnOf('h', NOW, 'other');
    expect(of.turnOf('h', NOW, 'other')).toBeLessThanOrEqual(NOW + 900);
  });
  it('it remembers so many, and forgets those that nobody asks', () => {
    const of = createHostStanding({ remembered: 3 });
    fails(of, 3);
    for (let n = 0; n < 5; n++) {
      of.begin(`x${n}`);
      of.end(`x${n}`, NOW, true, 0.1);
    }
    expect(of.turnOf('h', NOW, 'other')).toBe('now');
  });
});
