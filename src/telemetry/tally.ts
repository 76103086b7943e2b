/**
 * Counts of label values that come again and again. prom-client makes a key of them at every call, which takes longer than
 * the rest of a review's bookkeeping; here they are handed to it at a scrape.
 */
export interface Tally {
  /** One more; always as many values, in the same order. */
  add(...values: readonly string[]): void;
  /** Hands over what has been counted since the last time. */
  drain(use: (values: readonly string[], count: number) => void): void;
}

interface Leaf {
  readonly values: readonly string[];
  count: number;
}

type Tree = Map<string, Tree | Leaf>;

export function createTally(): Tally {
  const root: Tree = new Map();
  const leaves: Leaf[] = [];

  function leafOf(values: readonly string[]): Leaf {
    let tree = root;
    const last = values.length - 1;
    for (let index = 0; index < last; index++) {
      const value = values[index] ?? "";
      let next = tree.get(value) as Tree | undefined;
      if (next === undefined) {
        next = new Map();
        tree.set(value, next);
      }
      tree = next;
    }
    const value = values[last] ?? "";
    let leaf = tree.get(value) as Leaf | undefined;
    if (leaf === undefined) {
      leaf = { values, count: 0 };
      leaves.push(leaf);
      tree.set(value, leaf);
    }
    return leaf;
  }

  return {
    add(...values) {
      leafOf(values).count++;
    },
    drain(use) {
      for (const leaf of leaves) {
        if (leaf.count > 0) use(leaf.values, leaf.count);
        leaf.count = 0;
      }
    },
  };
}
