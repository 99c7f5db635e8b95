import { describe, expect, it } from 'vitest';
import { fairLots, type LotSettings, lotByLot } from '../../src/operations/fair-lots.js';

/** A machine on which a commit takes so long (milliseconds), and each row so long besides; nobody waits for anything. */
function machine({ commit, row }: { commit: number; row: number }, { most = 500, always = false }: Partial<LotSettings> = {}, readsHere = true) {
  const seen = { sizes: [] as number[], rests: [] as number[] };
  let [time, waiting, pressed] = [0, false, false];
  const clock = {
    now: () => time,
    pause: async (milliseconds: number) => {
      seen.rests.push(milliseconds);
      time += milliseconds;
    },
  };
  const beside = { store: { readsHere, waiting: () => waiting }, pressed: () => pressed };
  const lots = fairLots(beside, { most, always }, clock);
  return {
    ...seen,
    lots,
    /** Somebody asked for a change that is not answered; whoever reads strangers comes late. */
    others: (asked: boolean, late: boolean) => {
      waiting = asked;
      pressed = late;
    },
    slower: (by: number) => {
      row *= by;
    },
    async carry(count: number, held = 0) {
      for (let n = 0; n < count; n++)
        await lots.carry(async () => {
          seen.sizes.push(lots.size());
          time += commit + row * lots.size() + held;
        });
    },
  };
}

describe('a long job gives way', () => {
  it('lots are sized by what they take, and are smaller while somebody waits; none is larger than it may be', async () => {
    const { carry, sizes, lots, slower, others } = machine({ commit: 5, row: 0.5 });
    const takes = (row: number) => lots.size() * row + 5;
    await carry(30);
    expect(sizes[0], 'carefully at first').toBe(50);
    expect(Math.abs(takes(0.5) - 150)).toBeLessThan(2);
    others(true, false);
    await carry(30);
    expect(Math.abs(takes(0.5) - 50)).toBeLessThan(2);
    slower(4);
    await carry(30);
    expect(Math.abs(takes(2) - 50), 'on a slower machine as well').toBeLessThan(4);
    others(false, false);
    slower(1 / 1000);
    await carry(30);
    expect(lots.size()).toBe(500);
  });

  it('a commit that takes long by itself makes no lots of one row, and no rest without end', async () => {
    const m = machine({ commit: 3000, row: 1 });
    m.others(true, false);
    await m.carry(4);
    expect(m.lots.size()).toBe(10);
    expect(m.rests).toEqual([250, 250, 250, 250]);
    expect(machine({ commit: 1, row: 1 }, { most: 4 }).lots.size(), 'a job of small lots').toBe(4);
  });

  it('one lot that something else held up is forgotten', async () => {
    const { carry, lots } = machine({ commit: 5, row: 0.5 });
    await carry(20);
    await carry(1, 5000);
    expect(lots.size(), 'every commit has costs of its own').toBe(100);
    await carry(8);
    expect(lots.size()).toBeGreaterThan(150);
    await carry(1, 50);
    expect(lots.size(), 'and one that was a little late says little').toBeGreaterThan(150);
  });

  it('it rests for as long as its lot took while somebody waits, and not where nobody does', async () => {
    const m = machine({ commit: 10, row: 1 });
    await m.carry(3);
    expect(m.rests).toEqual([]);
    for (const [asked, late] of [
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      m.others(asked, late);
      await m.carry(1);
    }
    expect(m.rests).toEqual(m.sizes.slice(3, 5).map((size) => size + 10));
  });

  it('what leaves half of the time to whoever it is rests after every lot', async () => {
    const m = machine({ commit: 10, row: 1 }, { always: true });
    await m.carry(3);
    expect(m.rests).toEqual(m.sizes.map((size) => size + 10));
  });

  it('where the store is another machine, lots are as large as may be: each commit is several requests', async () => {
    const m = machine({ commit: 10, row: 1 }, {}, false);
    m.others(true, true);
    await m.carry(3);
    expect([m.sizes, m.rests]).toEqual([[500, 500, 500], []]);
  });

  it('of many that somebody asked for one lot at a time is carried out, in turns; one that fails is the business of whose it is', async () => {
    const store = { readsHere: true };
    const said: string[] = [];
    let [under, most] = [0, 0];
    const job = async (name: string, { lots: count, inLine }: { lots: number; inLine: boolean }) => {
      const lots = fairLots({ store }, { most: 10, inLine });
      for (let n = 0; n < count; n++)
        await lots
          .carry(async () => {
            most = Math.max(most, ++under);
            await new Promise((done) => setTimeout(done, 1));
            under--;
            said.push(name);
            if (name === 'b') throw new Error('no');
          })
          .catch((error: Error) => said.push(error.message));
    };
    await Promise.all(['a', 'b', 'c'].map((name) => job(name, { lots: 3, inLine: true })));
    expect([most, said.join(' ')]).toEqual([1, 'a b no c a b no c a b no c']);
    await Promise.all([job('mine', { lots: 2, inLine: true }), job('own', { lots: 2, inLine: false })]);
    expect(most, 'what nobody asked for stands in no line').toBe(2);
  });

  it('lot by lot until nothing is left, or enough was done; what fails ends it', async () => {
    const beside = { store: { readsHere: true } };
    const asked: number[] = [];
    let left = 130;
    const one = async (size: number) => {
      asked.push(size);
      const taken = Math.min(size, left);
      left -= taken;
      return taken;
    };
    expect(await lotByLot(beside, { most: 50, more: () => true }, one)).toBe(130);
    expect(asked).toEqual([50, 50, 50, 50]);
    left = 130;
    expect(await lotByLot(beside, { most: 50, more: (done) => done < 100 }, one)).toBe(100);
    await expect(lotByLot(beside, { most: 50, more: () => true }, async () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});
