/** Every Corefile that the documentation shows starts in a whole server, and answers. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ApiServer } from "../support/api-server.ts";
import { Fakeup } from "../support/fakeup.ts";
import { freePorts, TestServer } from "../support/server.ts";
import type { DecodedReply } from "../support/wire.ts";
import { nameFor, runnable, shownCorefiles } from "./examples.ts";

/** Only within a pod is there an API without an `endpoint`. That such are read without a mistake is a house test. */
const needsPod = (text: string) => /^\s+(kubernetes|istio)\b/m.test(text) && !/^\s+endpoint /m.test(text);

/** `erratic` drops every second or third query, as its page says. */
const ATTEMPTS = 4;

/** Where a plugin is for a part of its block's zone only. */
const NAMES: Readonly<Record<string, string>> = { "docs/plugins/istio.md 1": "www.test.global." };

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
  let api: ApiServer;
  before(async () => {
    api = await ApiServer.start();
  });
  after(() => api.close());

  for (const { place, text } of shown.filter(({ text }) => !needsPod(text))) {
    test(place, { timeout: 60_000 }, async () => {
      const upstreams = await Promise.all([Fakeup.start(), Fakeup.start()]);
      const corefile = runnable(
        text,
        await freePorts(4),
        upstreams.map(({ to }) => to),
        api.url,
      );
      let server: TestServer | undefined;
      try {
        server = await TestServer.start({ corefile, files: FILES });
        let reply: DecodedReply | undefined;
        for (let left = ATTEMPTS; left > 0 && !reply; left--)
          reply = await server.ask({ ask: `${NAMES[place] ?? nameFor(text)} A` }, 1_000);
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
