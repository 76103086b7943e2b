/** What a program has to undo at its end, whether that comes by itself or by a signal. */
export interface Cleanups {
  push(undo: () => Promise<void> | void): void;
  /** In reverse order; what fails is told, and the rest is undone all the same. */
  run(): Promise<void>;
  /** Never resolves once a signal has come: it reaches children too, and what then fails is no news. */
  unlessInterrupted(): Promise<void>;
}

const STATUS_BY_SIGNAL = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 } as const;

/** On a signal everything is undone, and the process ends. */
export function createCleanups(print: (line: string) => void): Cleanups {
  const undos: (() => Promise<void> | void)[] = [];
  let isInterrupted = false;
  const run = async () => {
    for (const undo of undos.splice(0).reverse()) {
      try {
        await undo();
      } catch (error) {
        print(String(error));
      }
    }
  };
  for (const [signal, status] of Object.entries(STATUS_BY_SIGNAL)) {
    process.once(signal, () => {
      isInterrupted = true;
      void run().then(() => process.exit(status));
    });
  }
  return {
    push: (undo) => void undos.push(undo),
    run,
    async unlessInterrupted() {
      if (isInterrupted) await new Promise(() => {});
    },
  };
}
