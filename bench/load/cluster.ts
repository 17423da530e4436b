/** The API server of a cluster scenario, from the side of the benchmark. */
import { join } from "node:path";
import type { ChurnCounts, ChurnOrder } from "./churn.ts";
import type { ClusterName } from "./cluster-objects.ts";
import { freePort, Program } from "./processes.ts";
import { benchDirectory } from "./tools.ts";

type Said = { ready?: true; firstByteMs?: number; churn?: ChurnCounts };

export class ClusterApi {
  readonly port: number;
  readonly program: Program;
  /** When lists began, on the clock of `nowMs`, since `forget`. */
  firstBytesMs: number[] = [];
  #onFirstByte: () => void = () => {};
  #hear: (said: Said) => void = () => {};
  #text = "";

  private constructor(port: number, program: Program) {
    this.port = port;
    this.program = program;
    program.onOutput = (text) => {
      const lines = (this.#text + text).split("\n");
      this.#text = lines.pop()!;
      for (const line of lines) {
        const said: Said = JSON.parse(line);
        if (said.firstByteMs !== undefined) {
          if (this.firstBytesMs.length === 0) this.#onFirstByte();
          this.firstBytesMs.push(said.firstByteMs);
        }
        this.#hear(said);
      }
    };
  }

  static async start(cluster: ClusterName, cores: string): Promise<ClusterApi> {
    const port = await freePort();
    const parameters = [join(benchDirectory, "load/cluster-server.ts"), `${port}`, cluster];
    const api = new ClusterApi(port, new Program(cores, process.execPath, parameters));
    await api.#said(({ ready }) => ready);
    return api;
  }

  /** `onFirstByte` is called with the next first byte. */
  forget(onFirstByte: () => void = () => {}): void {
    this.firstBytesMs = [];
    this.#onFirstByte = onFirstByte;
  }

  /** All watches end with 410. */
  relist(): void {
    this.program.write("relist\n");
  }

  churn(order: ChurnOrder): Promise<ChurnCounts> {
    this.program.write(`churn ${JSON.stringify(order)}\n`);
    return this.#said(({ churn }) => churn);
  }

  async #said<T>(wanted: (said: Said) => T | undefined): Promise<T> {
    const heard = new Promise<T>((resolve) => {
      this.#hear = (said) => {
        const found = wanted(said);
        if (found !== undefined) resolve(found);
      };
    });
    const ended = this.program.closed().then(() => {
      throw new Error(`the API server of the benchmark ended: ${this.program.output}`);
    });
    return Promise.race([heard, ended]);
  }
}
