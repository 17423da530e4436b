/**
 * Random zones, asked at random, against a server written down as simply as possible: a list of records that is searched
 * from its beginning for every step. It shares nothing with the snapshot but the choices that it is to have.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ask, zoneOf } from "./ask.ts";

interface Line {
  readonly owner: string;
  readonly type: string;
  readonly data: string;
}

const ORIGIN = "example.org.";
const SOA = { owner: ORIGIN, type: "SOA", data: "ns.example.org. admin.example.org. 1 2 3 4 5" };
const NS = [
  { owner: ORIGIN, type: "NS", data: "ns.example.org." },
  { owner: ORIGIN, type: "NS", data: "ns.example.com." },
];

/** Few labels, so that names meet. */
const label = fc.constantFrom("a", "b", "*");
const owner = fc.array(label, { minLength: 1, maxLength: 3 }).map((labels) => `${labels.join(".")}.${ORIGIN}`);
const target = fc.oneof({ weight: 4, arbitrary: owner }, fc.constantFrom("www.example.com.", ORIGIN));
const line: fc.Arbitrary<Line> = fc.oneof(
  fc.record({ owner, type: fc.constant("A"), data: fc.constantFrom("192.0.2.1", "192.0.2.2") }),
  fc.record({ owner, type: fc.constant("TXT"), data: fc.constantFrom('"x"', '"y"') }),
  fc.record({ owner, type: fc.constant("AAAA"), data: fc.constant("2001:db8::1") }),
  fc.record({ owner, type: fc.constant("MX"), data: target.map((name) => `10 ${name}`) }),
  fc.record({ owner, type: fc.constant("SRV"), data: target.map((name) => `1 2 3 ${name}`) }),
  fc.record({ owner, type: fc.constant("CNAME"), data: target }),
  fc.record({ owner, type: fc.constant("NS"), data: target }),
  fc.record({ owner, type: fc.constant("DNAME"), data: target }),
);
const type = fc.constantFrom("A", "AAAA", "TXT", "MX", "SRV", "CNAME", "NS", "DNAME", "DS", "SOA", "ANY");
/** Most names are those of the zone, or near them. */
const question = fc.record({
  near: fc.constantFrom("any", "owner", "parent", "child", "target"),
  line: fc.nat(),
  name: fc.oneof(owner, fc.constant(ORIGIN)),
  type,
  capitals: fc.boolean(),
});

function nameOf({ near, line, name }: { near: string; line: number; name: string }, lines: readonly Line[]): string {
  const chosen = lines[line % lines.length];
  if (!chosen || near === "any") return name;
  if (near === "parent") return ancestors(chosen.owner)[1]!;
  if (near === "child") return `${name.split(".")[0]}.${chosen.owner}`;
  const end = chosen.data.split(" ").at(-1)!;
  return near === "target" && inZone(end) ? end : chosen.owner;
}

class Oracle {
  readonly lines: Line[];
  answer: Line[] = [];
  authority: Line[] = [];
  additional: Line[] = [];
  rcode = "NOERROR";
  authoritative = true;

  constructor(lines: readonly Line[]) {
    this.lines = [SOA, ...NS, ...lines];
  }

  /** "WRITTEN", or "ALIAS name", or "FAILED". */
  ask(name: string, type: string): string {
    const cut = this.firstCut(name, type);
    if (cut?.type === "NS") return this.refer(cut.owner, false);
    if (cut) return this.rename(cut, name, type);
    const source = this.sourceOf(name);
    if (source === undefined) {
      this.rcode = "NXDOMAIN";
      return this.negative();
    }
    const records = this.at(source);
    const aliases = records.filter((each) => each.type === "CNAME");
    if (aliases.length > 0 && type !== "CNAME") {
      this.answer.push(...aliases.map((each) => ({ ...each, owner: name })));
      if (aliases[0]!.data === name && source === name) return "FAILED";
      return this.follow(aliases[0]!.data, type, 1);
    }
    const found = records.filter((each) => each.type === type);
    if (found.length === 0) return this.negative();
    this.answer.push(...found.map((each) => ({ ...each, owner: name })));
    if (!(type === "NS" && name === ORIGIN)) this.authority.push(...NS);
    this.addAddresses(found, (_host) => true);
    return "WRITTEN";
  }

  follow(name: string, type: string, aliases: number): string {
    if (!inZone(name)) return `ALIAS ${name}`;
    // What stands below a DNAME is found by those who know its name, as in CoreDNS.
    const cut = this.firstDelegation(name, type);
    if (cut) return this.refer(cut.owner, true);
    const records = this.at(name);
    if (name === ORIGIN || records.length === 0) return `ALIAS ${name}`;
    const next = records.filter((each) => each.type === "CNAME");
    const isAlias = next.length > 0 && type !== "CNAME";
    if (type === "NS") return `ALIAS ${name}`;
    if (aliases < 10) {
      if (isAlias) {
        this.answer.push(...next);
        return next[0]!.data === name ? "FAILED" : this.follow(next[0]!.data, type, aliases + 1);
      }
      const found = records.filter((each) => each.type === type);
      if (found.length > 0) {
        this.answer.push(...found);
        this.authority.push(...NS);
        this.addAddresses(found, () => true);
        return "WRITTEN";
      }
    }
    this.authority.push(...NS);
    return "WRITTEN";
  }

  rename(dname: Line, name: string, type: string): string {
    const made = name.slice(0, -dname.owner.length) + dname.data;
    this.answer.push(...this.at(dname.owner).filter((each) => each.type === "DNAME"));
    if (made === name) return "FAILED";
    this.answer.push({ owner: name, type: "CNAME", data: made });
    if (type === "CNAME") {
      this.authority.push(...NS);
      return "WRITTEN";
    }
    return this.follow(made, type, 1);
  }

  refer(owner: string, behindAlias: boolean): string {
    this.authoritative = behindAlias;
    const servers = this.at(owner).filter((each) => each.type === "NS");
    this.authority.push(...servers);
    this.addAddresses(servers, (host) => host === owner || isBelow(host, owner));
    return "WRITTEN";
  }

  negative(): string {
    this.authority.push(SOA);
    return "WRITTEN";
  }

  /** The uppermost name at or above `name` that delegates or renames. */
  firstCut(name: string, type: string): Line | undefined {
    for (const above of ancestors(name).reverse()) {
      const records = this.at(above);
      const cut = records.find((each) => each.type === "NS" && above !== ORIGIN);
      if (cut && !(above === name && type === "DS")) return cut;
      const dname = records.find((each) => each.type === "DNAME");
      if (dname && above !== name) return dname;
    }
    return undefined;
  }

  /** The uppermost name at or above `name` that delegates. */
  firstDelegation(name: string, type: string): Line | undefined {
    for (const above of ancestors(name).reverse()) {
      const cut = this.at(above).find((each) => each.type === "NS" && above !== ORIGIN);
      if (cut && !(above === name && type === "DS")) return cut;
    }
    return undefined;
  }

  /** The name whose records answer for `name`: itself, a wildcard, or none. */
  sourceOf(name: string): string | undefined {
    const names = ancestors(name);
    const wildcard = (parent: string) => (this.exists(`*.${parent}`) ? `*.${parent}` : undefined);
    if (this.at(name).length > 0) return name;
    // A name that only exists for what is below it is answered by the wildcard beside it, as in CoreDNS.
    if (this.exists(name)) return name === ORIGIN ? name : (wildcard(names[1]!) ?? name);
    return wildcard(names.find((above) => this.exists(above))!);
  }

  exists(name: string): boolean {
    return this.lines.some((each) => each.owner === name || isBelow(each.owner, name));
  }

  at(name: string): Line[] {
    return this.lines.filter((each) => each.owner === name);
  }

  addAddresses(records: readonly Line[], wanted: (host: string) => boolean): void {
    const hosts = new Set(
      records.filter((each) => ["MX", "SRV", "NS"].includes(each.type)).map((each) => each.data.split(" ").at(-1)!),
    );
    for (const host of hosts) {
      if (!inZone(host) || !wanted(host)) continue;
      for (const type of ["A", "AAAA"]) this.additional.push(...this.at(host).filter((each) => each.type === type));
    }
  }
}

function inZone(name: string): boolean {
  return name === ORIGIN || isBelow(name, ORIGIN);
}

function isBelow(name: string, ancestor: string): boolean {
  return name.endsWith(`.${ancestor}`);
}

/** From the name itself to the apex. */
function ancestors(name: string): string[] {
  const list = [name];
  while (list.at(-1) !== ORIGIN) list.push(list.at(-1)!.slice(list.at(-1)!.indexOf(".") + 1));
  return list;
}

function text(lines: readonly Line[]): string[] {
  return lines.map(({ owner, type, data }) => `${owner} 60 IN ${type} ${data}`).sort();
}

test("a zone's answers are those of a list of records", () => {
  fc.assert(
    fc.property(
      // What NS records at a wildcard mean nobody has said (RFC 4592 section 4.2).
      fc.array(
        line.filter(({ owner, type }) => type !== "NS" || !owner.startsWith("*")),
        { maxLength: 15 },
      ),
      fc.array(question, { minLength: 1, maxLength: 12 }),
      (lines, questions) => {
        const file = [SOA, ...NS, ...lines].map(({ owner, type, data }) => `${owner} 60 ${type} ${data}`).join("\n");
        const zone = zoneOf(file);
        for (const { type, capitals, ...place } of questions) {
          const name = nameOf(place, lines);
          const oracle = new Oracle(lines);
          const expected = oracle.ask(name, type);
          const found = ask(zone, `${capitals ? name.toUpperCase() : name} ${type}`);
          assert.equal(
            found.alias === "" ? found.result : `${found.result} ${found.alias}`,
            expected,
            `${name} ${type}`,
          );
          if (!found.reply) continue;
          const { reply } = found;
          assert.deepEqual(
            [reply.rcode, reply.flags, sorted(reply.answer), sorted(reply.authority), sorted(reply.additional)],
            [
              oracle.rcode,
              oracle.authoritative ? "qr aa rd" : "qr rd",
              ...[oracle.answer, oracle.authority, oracle.additional].map(text),
            ],
            `${name} ${type}`,
          );
        }
      },
    ),
    { numRuns: 1000 },
  );
});

function sorted(lines: readonly string[]): string[] {
  return lines.toSorted();
}
