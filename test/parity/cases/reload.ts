/** reload: what is a change, and what happens to one that cannot be taken. */
import type { ParityServer } from "../case.ts";

const body = (rest: string) => `example.org:{PORT} {\n reload 2s 0\n${rest}\n}\n`;
const whoami = { counts: { answer: 0, additional: 2 } };
const erratic = { counts: { answer: 1 } };
const withinMs = 5_000;
const failure = "[ERROR] plugin/reload: Corefile changed but reload failed: starting with listener file descriptors: ";

export const servers: ParityServer[] = [
  {
    name: "reload",
    corefile: body(" whoami"),
    files: { included: "whoami\n" },
    cases: [
      { ask: "www.example.org. A", reply: whoami },
      {
        ask: "www.example.org. A",
        name: "a changed file",
        before: [{ write: "Corefile", text: body(" erratic {\n  drop 0\n }") }],
        withinMs,
        reply: erratic,
      },
      {
        ask: "www.example.org. A",
        name: "an unknown directive",
        before: [{ write: "Corefile", text: body(" nonsense") }],
        reply: erratic,
        log: [
          "[INFO] Reloading",
          "[ERROR] Restart failed: {DIR}/Corefile:3 - Error during parsing: Unknown directive 'nonsense'",
          `${failure}{DIR}/Corefile:3 - Error during parsing: Unknown directive 'nonsense'`,
        ],
      },
      {
        ask: "www.example.org. A",
        name: "it is not tried again",
        before: [{ waitMs: 2_500 }],
        reply: erratic,
        notLog: ["[INFO] Reloading"],
      },
      {
        ask: "www.example.org. A",
        name: "an import",
        before: [{ write: "Corefile", text: body(" import {DIR}/included") }],
        withinMs,
        reply: whoami,
      },
      {
        ask: "www.example.org. A",
        name: "a changed import",
        before: [{ write: "included", text: "erratic {\n drop 0\n}\n" }],
        withinMs,
        reply: erratic,
      },
      {
        ask: "www.example.org. A",
        name: "a comment that moves no line",
        before: [{ write: "included", text: "erratic { # more\n drop 0\n}\n" }, { waitMs: 2_500 }],
        reply: erratic,
        notLog: ["[INFO] Reloading"],
      },
      {
        ask: "www.example.org. A",
        name: "a missing import",
        before: [{ remove: "included" }],
        reply: erratic,
        log: [
          "[WARNING] plugin/reload: Corefile parse failed: {DIR}/Corefile:3 - Error during parsing: File to import not found: {DIR}/included",
        ],
      },
    ],
  },
];
