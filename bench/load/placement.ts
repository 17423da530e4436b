/** On which cores the server and its load run, and how much is under way. */
export const oneCore = {
  workers: 1,
  serverCores: "0",
  loadCores: "1",
  sockets: 16,
  outstanding: 128,
  measures: "load",
} as const;

/** More sockets: hashes over 16 source ports alone would already make unequal shares. */
export const bothCores = (workers: number) =>
  ({
    workers,
    serverCores: "0,1",
    loadCores: "0,1",
    sockets: 32,
    outstanding: 128 * workers,
    measures: "load",
  }) as const;
