/**
 * A flame graph as a page of HTML, complete in one file: a box is a function, as wide as its share of all samples, below it
 * what it called. A click on a box makes it as wide as the page; Escape goes back.
 */

/** Where a frame's code comes from: it decides the colour. */
export type FrameKind = "thread" | "javascript" | "addon" | "kernel" | "native";
export type Frame = { name: string; kind: FrameKind };
/** From the outermost frame to the innermost; `weight` counts samples, or microseconds. */
export type Stack = { frames: Frame[]; weight: number };

/** As few letters as possible: a page holds thousands of them. n name, k kind, w weight, c what it called. */
type Box = { n: string; k: FrameKind; w: number; c: Box[] };

export function renderFlameGraph(title: string, note: string, stacks: Stack[]): string {
  const root: Box = { n: "all", k: "thread", w: 0, c: [] };
  for (const { frames, weight } of stacks) {
    let box = root;
    box.w += weight;
    for (const { name, kind } of frames) {
      let next = box.c.find(({ n, k }) => n === name && k === kind);
      if (next === undefined) {
        next = { n: name, k: kind, w: 0, c: [] };
        box.c.push(next);
      }
      box = next;
      box.w += weight;
    }
  }
  // Inside a script element, "</" would end it.
  const data = JSON.stringify(root).replaceAll("<", "\\u003c");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<style>${style}</style>
<h1>${title}</h1>
<p>${note}</p>
<p><span class="javascript">JavaScript</span> <span class="addon">addon</span> <span class="kernel">kernel</span>
<span class="native">Node and libraries</span> <output></output></p>
<main></main>
<script>const root = ${data};${script}</script>
</html>
`;
}

/** Functions by the samples that were in themselves, the most first: the table beside the picture. */
export function hottest(stacks: Stack[], count: number): { name: string; kind: FrameKind; share: number }[] {
  const own = new Map<string, { frame: Frame; weight: number }>();
  let total = 0;
  for (const { frames, weight } of stacks) {
    const frame = frames.at(-1)!;
    const key = `${frame.kind} ${frame.name}`;
    const entry = own.get(key) ?? { frame, weight: 0 };
    entry.weight += weight;
    own.set(key, entry);
    total += weight;
  }
  return [...own.values()]
    .sort((a, b) => b.weight - a.weight)
    .slice(0, count)
    .map(({ frame, weight }) => ({ ...frame, share: weight / total }));
}

const style = `
body { font: 13px system-ui, sans-serif; margin: 1rem; background: #fff; color: #222 }
h1 { font-size: 1.2rem } main { position: relative } output { margin-left: 1rem }
main div { position: absolute; box-sizing: border-box; height: 17px; overflow: hidden; white-space: nowrap; font-size: 11px;
  line-height: 16px; padding: 0 3px; border: solid #fff; border-width: 0 1px 1px 0; cursor: pointer }
span { padding: .1rem .5rem } main div:hover { filter: brightness(.9) }
.thread { background: #ddd } .javascript { background: #f3cf58 } .addon { background: #7cc99a } .kernel { background: #f0a070 }
.native { background: #a9bfe0 }
`;

const script = `
const main = document.querySelector("main"), output = document.querySelector("output"), row = 17, least = 0.0007;
const trail = [root];
function draw(top) {
  main.replaceChildren();
  let depth = 0;
  (function place(box, level, from) {
    const share = box.w / top.w;
    if (share < least) return;
    depth = Math.max(depth, level);
    const element = document.createElement("div");
    element.className = box.k;
    element.textContent = box.n;
    element.title = box.n + ": " + (100 * box.w / root.w).toFixed(2) + " % of all";
    element.style.cssText = "left:" + 100 * from + "%;width:" + 100 * share + "%;top:" + level * row + "px";
    element.onclick = () => { trail.push(box); draw(box); };
    element.onmouseenter = () => { output.textContent = element.title; };
    main.append(element);
    for (const called of [...box.c].sort((a, b) => b.w - a.w)) {
      place(called, level + 1, from);
      from += called.w / top.w;
    }
  })(top, 0, 0);
  main.style.height = (depth + 2) * row + "px";
}
onkeydown = ({ key }) => { if (key === "Escape" && trail.length > 1) { trail.pop(); draw(trail.at(-1)); } };
draw(root);
`;
