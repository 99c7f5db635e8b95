import { describe, expect, it } from 'vitest';
import { createHostStanding } from '../../src/operations/resolving/host-standing.js';
import { createPlaces, inPlace, type Place, SHARES } from '../../src/operations/resolving/places.js';

const tick = async () => {
  for (let n = 0; n < 20; n++) await Promise.resolve();
};

/** Whoever is let in, in order, with what gives its place back. */
function people(places = createPlaces()) {
  const inside = new Map<string, Place>();
  const order: string[] = [];
  return {
    places,
    order,
    inside: () => [...inside.keys()],
    place: (name: string) => inside.get(name) as Place,
    enter(name: string, ...where: Parameters<typeof places.enter>) {
      void places.enter(...where).then((place) => {
        order.push(name);
        inside.set(name, place);
      });
    },
    async leave(name: string) {
      inside.get(name)?.leave();
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
  it('who waits for others leaves its place to somebody else, and has one again before those who had none; so many at most', async () => {
    const places = createPlaces({ ...SHARES, rest: { places: 1, away: 1 } });
    const p = people(places);
    for (const name of ['a', 'b', 'c']) p.enter(name, 'rest', 'together');
    await tick();
    expect(p.inside()).toEqual(['a']);
    p.place('a').goAway();
    await tick();
    expect(p.inside(), 'its place is taken').toEqual(['a', 'b']);
    p.place('b').goAway();
    await tick();
    expect(p.inside(), 'one at most is away').toEqual(['a', 'b']);
    let back = false;
    void p
      .place('a')
      .comeBack()
      .then(() => (back = true));
    await tick();
    expect(back).toBe(false);
    await p.leave('b');
    expect([back, p.inside()]).toEqual([true, ['a']]);
    await p.leave('a');
    expect(p.inside()).toEqual(['c']);
    p.place('c').goAway();
    await p.leave('c');
    expect(places.taken, 'one that is over while it is away').toBe(0);
    p.enter('d', 'rest', 'together');
    await tick();
    expect(p.inside()).toEqual(['d']);
  });
  it('who is to be alone waits for those that are away too; they have their places again, and nobody else does', async () => {
    const p = people(createPlaces({ ...SHARES, rest: { places: 1, away: 1 } }));
    p.enter('a', 'rest', 'together');
    await tick();
    p.place('a').goAway();
    p.enter('killer', 'changed', 'alone');
    p.enter('b', 'rest', 'together');
    await tick();
    expect(p.inside()).toEqual(['a']);
    await p.place('a').comeBack();
    await p.leave('a');
    expect(p.inside()).toEqual(['killer']);
    p.place('killer').goAway();
    await tick();
    expect(p.inside(), 'who is alone stays so').toEqual(['killer']);
    await p.leave('killer');
    expect(p.inside()).toEqual(['b']);
  });
  it('a place is given back when the work fails, and once', async () => {
    const places = createPlaces();
    await expect(inPlace(places, 'alone', () => Promise.reject(new Error('it failed')))).rejects.toThrow('it failed');
    const place = await places.enter('rest', 'together');
    place.leave();
    place.leave();
    expect(places.taken).toBe(0);
    expect(await inPlace(undefined, 'alone', async () => 1), 'without places').toBe(1);
  });
});

describe('hosts', () => {
  const NOW = 1_000_000;
  const standing = () => createHostStanding({ random: () => 0 });
  const fails = (of: ReturnType<typeof standing>, times: number, at = NOW) => {
    for (let n = 0; n < times; n++) {
      of.begin('h', 'other');
      of.end('h', 'other', at, false, 3);
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
    of.begin('h', 'other');
    expect(of.turnOf('h', NOW + 43_200, 'other'), 'and the others wait for that').toBe(NOW + 43_200 + 5);
    of.end('h', 'other', NOW + 43_200, true, 0.1);
    expect(of.turnOf('h', NOW + 43_200, 'other')).toBe('now');
  });
  it('a path that hangs beside others that answer makes no host silent; nor does one that nobody asked', () => {
    const of = standing();
    for (let n = 0; n < 10; n++) {
      fails(of, 2);
      of.begin('h', 'other');
      of.end('h', 'other', NOW, true, 0.1);
    }
    fails(of, 2);
    of.begin('h', 'other');
    of.end('h', 'other', NOW, undefined, 0);
    expect(of.turnOf('h', NOW, 'other')).toBe('now');
  });
  it('RE-03: a member that is new is asked whether its host is silent or not, two at a time, beside all others; the next ones in a moment', () => {
    const of = standing();
    fails(of, 5);
    of.begin('h', 'other');
    for (let n = 0; n < 2; n++) {
      expect(of.turnOf('h', NOW, 'new')).toBe('now');
      of.begin('h', 'new');
    }
    expect(
      [1, 2, 3, 4].map(() => of.turnOf('h', NOW, 'new')),
      'by how long one takes',
    ).toEqual([2, 3, 5, 6].map((after) => NOW + after));
    expect(of.turnOf('h', NOW, 'member')).toBeGreaterThan(NOW + 30);
    of.end('h', 'new', NOW, false, 3);
    expect(of.turnOf('h', NOW, 'new')).toBe('now');
    // However many of them had no answer, the others are asked no later for it.
    for (let n = 0; n < 50; n++) {
      of.begin('h', 'new');
      of.end('h', 'new', NOW + 100 + n, false, 3);
    }
    of.end('h', 'other', NOW + 2, false, 3);
    expect(of.turnOf('h', NOW + 303, 'member')).toBe('now');
    of.end('h', 'new', NOW + 303, true, 0.1);
    expect(of.turnOf('h', NOW + 303, 'other'), 'one that answers ends the silence').toBe('now');
  });
  it('whoever is new is asked beside four others of a host that takes its time', () => {
    const of = standing();
    of.begin('h', 'other');
    of.end('h', 'other', NOW, true, 4);
    for (let n = 0; n < 4; n++) of.begin('h', 'member');
    expect(of.turnOf('h', NOW, 'member')).toBe(NOW + 1);
    expect(of.turnOf('h', NOW, 'new')).toBe('now');
    for (let n = 0; n < 2; n++) of.begin('h', 'new');
    expect(of.turnOf('h', NOW, 'new')).toBe(NOW + 2);
  });
  it('of a silent host that has a hundred thousand only so many wait for the same second, and nobody for those with less reason', () => {
    const of = standing();
    fails(of, 10);
    const turns = Array.from({ length: 100_000 }, () => Number(of.turnOf('h', NOW, 'other')));
    const each = new Map<number, number>();
    for (const turn of turns) each.set(turn, (each.get(turn) ?? 0) + 1);
    expect(Math.max(...each.values())).toBeLessThanOrEqual(33);
    expect(Math.max(...turns)).toBeLessThanOrEqual(NOW + 43_200);
    expect(of.turnOf('h', NOW, 'member')).toBe(NOW + 300);
  });
  it('of a host that is slow four are asked, and the others one after another; of a quick one they come in a moment', () => {
    const of = standing();
    const busy = (seconds: number) => {
      of.begin('h', 'other');
      of.end('h', 'other', NOW, true, seconds);
      for (let n = 0; n < 4; n++) of.begin('h', 'other');
    };
    busy(0.01);
    expect(of.turnOf('h', NOW, 'other')).toBe('soon');
    for (let n = 0; n < 4; n++) of.end('h', 'other', NOW, true, 4);
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
      of.begin(`x${n}`, 'other');
      of.end(`x${n}`, 'other', NOW, true, 0.1);
    }
    expect(of.turnOf('h', NOW, 'other')).toBe('now');
  });
});
