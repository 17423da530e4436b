/** V8's profiles, which are trees of calls, as stacks with values: what pprof's format is made of. */

export interface CallFrame {
  readonly functionName: string;
  readonly url: string;
  /** Counted from 0, -1 where there is none. */
  readonly lineNumber: number;
  readonly columnNumber: number;
}

export interface Stack {
  /** The innermost call first. */
  readonly frames: readonly CallFrame[];
  readonly values: readonly number[];
}

interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: CallFrame;
    readonly children?: readonly number[];
  }[];
  /** The node that ran, and the microseconds since the sample before. */
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface HeapNode {
  readonly callFrame: CallFrame;
  readonly selfSize: number;
  readonly children: readonly HeapNode[];
}

const NANOSECONDS = 1_000;
/** The nodes of V8 that are no call. A thread that has nothing to do uses no CPU. */
const ROOT = "(root)";
const IDLE = "(idle)";

/** Values: samples, nanoseconds. */
export function cpuStacks(json: string): Stack[] {
  const { nodes, samples, timeDeltas } = JSON.parse(json) as CpuProfile;
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const parents = new Map(nodes.flatMap(({ id, children = [] }) => children.map((child) => [child, id] as const)));
  const totals = new Map<number, [samples: number, nanoseconds: number]>();
  for (const [index, id] of samples.entries()) {
    // The first one is taken when the profile begins; its time is that of beginning.
    if (index === 0) continue;
    const total = totals.get(id) ?? [0, 0];
    total[0]++;
    total[1] += Math.max(0, timeDeltas[index] ?? 0) * NANOSECONDS;
    totals.set(id, total);
  }
  const stacks: Stack[] = [];
  for (const [id, values] of totals) {
    const frames: CallFrame[] = [];
    for (let at: number | undefined = id; at !== undefined; at = parents.get(at)) {
      const frame = byId.get(at)?.callFrame;
      if (frame && frame.functionName !== ROOT) frames.push(frame);
    }
    if (frames.length > 0 && frames[0]!.functionName !== IDLE) stacks.push({ frames, values });
  }
  return stacks;
}

/** Values: bytes. */
export function heapStacks(json: string): Stack[] {
  const { head } = JSON.parse(json) as { head: HeapNode };
  const stacks: Stack[] = [];
  /** Calls on the way to the node, the outermost first. Not recursive: stacks may be deep. */
  const todo: { readonly node: HeapNode; readonly outer: readonly CallFrame[] }[] = [{ node: head, outer: [] }];
  for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
    const { node, outer } = next;
    const frames = node.callFrame.functionName === ROOT ? outer : [node.callFrame, ...outer];
    if (node.selfSize > 0 && frames.length > 0) stacks.push({ frames, values: [node.selfSize] });
    for (const child of node.children) todo.push({ node: child, outer: frames });
  }
  return stacks;
}
