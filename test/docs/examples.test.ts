/** Every Corefile that the documentation shows starts in a whole server, and answers. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Fakeup } from "../support/fakeup.ts";
import { freePorts, TestServer } from "../support/server.ts";
import type { DecodedReply } from "../support/wire.ts";
import { nameFor, runnable, shownCorefiles } from "./examples.ts";

/** What these need is no part of this machine. That they are read without a mistake is a house test. */
const NEEDS_A_CLUSTER = /^\s+(kubernetes|istio)\b/m;

/** `erratic` drops every second or third query, as its page says. */
const ATTEMPTS = 4;

const FILES = {
  "example.org.db":
    "@ 3600 IN SOA ns admin 1 7200 3600 1209600 300\n@ IN NS ns\nns IN A 192.0.2.1\nwww IN A 192.0.2.2\n",
  "hosts.example": "192.0.2.9 other.example.org\n",
};

const shown = shownCorefiles();

test("Corefiles are found in README and in the page of every plugin", () => {
  const places = new Set(shown.map(({ place }) => place.replace(/ \d+$/, "")));
  assert.ok(places.has("README.md"), "README.md shows one");
  assert.ok([...places].filter((place) => place.startsWith("docs/plugins/")).length >= 30, [...places].join());
});

describe("examples start and answer", { concurrency: 2 }, () => {
  for (const { place, text } of shown.filter(({ text }) => !NEEDS_A_CLUSTER.test(text))) {
    test(place, { timeout: 60_000 }, async () => {
      const upstreams = await Promise.all([Fakeup.start(), Fakeup.start()]);
      const corefile = runnable(
        text,
        await freePorts(4),
        upstreams.map(({ to }) => to),
      );
      let server: TestServer | undefined;
      try {
        server = await TestServer.start({ corefile, files: FILES });
        let reply: DecodedReply | undefined;
        for (let left = ATTEMPTS; left > 0 && !reply; left--)
          reply = await server.ask({ ask: `${nameFor(text)} A` }, 1_000);
        const context = `${corefile}\n${server.lines.join("\n")}`;
        assert.ok(reply, `no reply: ${context}`);
        assert.match(reply.rcode, /^(NOERROR|NXDOMAIN)$/, context);
        assert.deepEqual(
          server.lines.filter((line) => /^\[ERROR\]/.test(line)),
          [],
          context,
        );
      } finally {
        server?.signal("SIGKILL");
        await Promise.all([server?.stop(), ...upstreams.map((upstream) => upstream.stop())]);
      }
    });
  }
});
