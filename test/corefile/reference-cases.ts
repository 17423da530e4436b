/**
 * Corefiles and what CoreDNS 1.15.0 makes of them, as it was seen: the zone lines that it prints, sorted, or the line
 * with which it refuses to start. Keys without a port get 21053. Where this server differs, `ours` says what it does
 * instead, with the reason.
 */
export interface ReferenceCase {
  readonly name: string;
  readonly corefile: string;
  /** Beside the Corefile; {DIR} in messages is the folder of both. */
  readonly files?: Readonly<Record<string, string>>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly zones?: readonly string[];
  readonly says?: string;
  readonly ours?: { readonly zones?: readonly string[]; readonly says?: string; readonly why: string };
}

export const REFERENCE_DNS_PORT = 21053;

export const REFERENCE_CASES: readonly ReferenceCase[] = [
  {
    name: "an unknown directive",
    corefile: ".:0 {\n  foo\n}\n",
    says: "Corefile:2 - Error during parsing: Unknown directive 'foo'",
  },
  {
    name: "only the first mistake is CoreDNS's to tell",
    corefile: ".:0 {\n  whoami\n  fooo x\n  bar\n}\nb.test {\n baz\n}\n",
    says: "Corefile:3 - Error during parsing: Unknown directive 'fooo'",
  },
  {
    name: "a block that is not closed",
    corefile: ".:0 {\n  whoami\n",
    says: "Corefile:2 - Syntax error: Unexpected token 'whoami', expecting '}'",
  },
  {
    name: "a directive's braces that are not closed",
    corefile: ".:0 {\n  cache 30 {\n  success 10\n",
    says: "Corefile:3 - Error during parsing: Unexpected EOF",
  },
  {
    name: "a block that is not closed behind a directive's braces",
    corefile: ".:0 {\n  cache 30 {\n  success 10\n }\n whoami",
    says: "Corefile:5 - Syntax error: Unexpected token 'whoami', expecting '}'",
  },
  {
    name: "a directive's brace that closes the block as well",
    corefile: ".:0 {\n  cache 30 {\n  success 10\n }\n",
    zones: [".:0"],
  },
  {
    name: "a block in one line",
    corefile: ". { whoami }\n",
    says: "Corefile:1 - Error during parsing: Unexpected '}' because no matching opening brace",
  },
  {
    name: "braces that touch their words",
    corefile: ". {whoami}\n",
    zones: [".:21053", "{whoami}.:21053"],
  },
  {
    name: "a brace behind the last block is a zone",
    corefile: ".:0 {\n whoami\n}\n}\n",
    zones: [".:0", "}.:21053"],
  },
  {
    name: "more of them are its body",
    corefile: ".:0 {\n whoami\n }\n }\n }\n",
    zones: [".:0", "}.:21053"],
  },
  {
    name: "braces within a directive's braces",
    corefile: ".:0 {\n  cache 30 {\n success 10 {\n denial 5\n }\n }\n}\n",
    says: "plugin/cache: this plugin can only be used once per Server Block",
    ours: {
      says: "Corefile:3 - Error during parsing: Unexpected token '{', expecting argument",
      why: "the brace is the mistake, not a second use of the plugin",
    },
  },
  {
    name: "a directive's brace in the next line",
    corefile: ".:0 {\n  cache 30\n {\n success 10\n }\n}\n",
    says: "plugin/cache: this plugin can only be used once per Server Block",
    ours: {
      says: "Corefile:3 - Error during parsing: Unexpected token '{', expecting it on the line of 'cache'",
      why: "the brace is the mistake, not a second use of the plugin",
    },
  },
  {
    name: "a block's brace in the next line",
    corefile: ".:0\n{\n  whoami\n}\n",
    zones: [".:0"],
  },
  {
    name: "an empty file",
    corefile: "",
    zones: [".:21053"],
  },
  {
    name: "a file of comments",
    corefile: "# hi\n",
    zones: [".:21053"],
  },
  {
    name: "a zone and nothing else",
    corefile: "whoami\n",
    zones: ["whoami.:21053"],
  },
  {
    name: "a block without braces",
    corefile: ".:0\nwhoami\nlog\n",
    zones: [".:0"],
  },
  {
    name: "keys end with their line",
    corefile: ".:0 whoami\nlog\n",
    zones: [".:0", "whoami.:21053"],
  },
  {
    name: "a closing brace behind a block without braces",
    corefile: ".:0\nwhoami\n}",
    zones: [".:0"],
  },
  {
    name: "a brace for a directive",
    corefile: ".:0 {\n {\n}\n",
    says: "Corefile:2 - Error during parsing: Unknown directive '{'",
  },
  {
    name: "a brace in the line behind the last directive",
    corefile: ".:0 {\n errors\n log\n {\n}\n",
    zones: [".:0"],
    ours: {
      says: "Corefile:4 - Error during parsing: Unexpected token '{', expecting it on the line of 'log'",
      why: "CoreDNS reads the braces as further uses of log, which nobody means",
    },
  },
  {
    name: "a block that is closed too early",
    corefile: ".:0 {\n }\n log\n whoami\n}\n",
    zones: [".:0", "log.:21053"],
  },
  {
    name: "keys with a comma",
    corefile: "a.test:0, b.test:0\nwhoami",
    zones: ["a.test.:0", "b.test.:0"],
  },
  {
    name: "a comma lets keys go on in the next line",
    corefile: "a.test:0,\nb.test:0 {\nwhoami\n}",
    zones: ["a.test.:0", "b.test.:0"],
  },
  {
    name: "behind empty lines as well",
    corefile: "a.test:0,\n\n\n\nb.test:0 {\n}",
    zones: ["a.test.:0", "b.test.:0"],
  },
  {
    name: "a comma before the brace",
    corefile: "a.test:0, {\nwhoami\n}",
    says: "Corefile:1 - Error during parsing: Expected another address but had '{' - check for extra comma",
  },
  {
    name: "a comma at the end of the file",
    corefile: "a.test:0,\n",
    says: "Corefile:1 - Error during parsing: Unexpected EOF",
  },
  {
    name: "a comma within a key",
    corefile: "a.test:0,b.test:0 {\nwhoami\n}",
    zones: ["a.test:0,b.test.:0"],
  },
  {
    name: "keys in two lines",
    corefile: "a.test:0\nb.test:0 {\n whoami\n}",
    says: "Corefile:2 - Error during parsing: Unknown directive 'b.test:0'",
  },
  {
    name: "a lone comma is an empty key",
    corefile: ", a.test:0 {\n whoami\n}",
    says: 'error inspecting server blocks: expecting data after last colon: ""',
  },
  {
    name: "a lone comma between keys",
    corefile: "a.test:0, , b.test:0 {\n}",
    says: 'error inspecting server blocks: expecting data after last colon: ""',
  },
  {
    name: "an empty word is no key",
    corefile: '"" a.test:0 {\n whoami\n}',
    zones: ["a.test.:0"],
  },
  {
    name: "two blocks in one line",
    corefile: ".:0 {\n whoami\n} a.test:0 {\n whoami\n}",
    zones: [".:0", "a.test.:0"],
  },
  {
    name: "a brace that closes nothing within a block",
    corefile: ".:0 {\n log } {\n }",
    says: "Corefile:2 - Error during parsing: Unexpected '}' because no matching opening brace",
  },
  {
    name: "two closing braces in a line",
    corefile: ".:0 {\n cache {\n prefetch 1\n } }",
    says: "Corefile:4 - Error during parsing: Unexpected '}' because no matching opening brace",
  },
  {
    name: "empty braces within braces",
    corefile: ".:0 {\n cache {\n prefetch 1 {\n }\n }\n}",
    says: "plugin/cache: this plugin can only be used once per Server Block",
    ours: {
      says: "Corefile:3 - Error during parsing: Unexpected token '{', expecting argument",
      why: "the brace is the mistake, not a second use of the plugin",
    },
  },
  {
    name: "a key with a port and nothing else",
    corefile: ".:0",
    zones: [".:0"],
  },
  {
    name: "an open brace and nothing else",
    corefile: ".:0 {",
    says: "Corefile:1 - Syntax error: Unexpected token '{', expecting '}'",
  },
  {
    name: "an empty block",
    corefile: ".:0 {\n}",
    zones: [".:0"],
  },
  {
    name: "braces in one word are a zone",
    corefile: "{}",
    zones: ["{}.:21053"],
  },
  {
    name: "a comma behind a directive",
    corefile: ".:0 {\n whoami,\n}",
    says: "Corefile:2 - Error during parsing: Unknown directive 'whoami,'",
  },
  {
    name: "a snippet",
    corefile: "(s) {\n whoami\n}\n.:0 {\n import s\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet that is defined behind its use",
    corefile: ".:0 {\n import s\n}\n(s) {\n whoami\n}",
    says: "Corefile:2 - Error during parsing: File to import not found: s",
  },
  {
    name: "a snippet that is defined twice",
    corefile: "(s) {\n whoami\n}\n(s) {\n log\n}\n.:0 {\n import s\n}",
    says: "Corefile:4 - Error during parsing: redeclaration of previously declared snippet s",
  },
  {
    name: "a snippet that imports itself",
    corefile: "(s) {\n import s\n}\n.:0 {\n import s\n}",
    says: "Corefile:3 - Error during parsing: maximum snippet import depth (10000) exceeded",
    ours: {
      says: "Corefile:2 - Error during parsing: maximum snippet import depth (10000) exceeded",
      why: "the line of the import",
    },
  },
  {
    name: "two snippets that import each other",
    corefile: "(b) {\n import c\n}\n(c) {\n import b\n}\n.:0 {\n import b\n}",
    says: "Corefile:5 - Error during parsing: maximum snippet import depth (10000) exceeded",
  },
  {
    name: "a snippet twice in a row",
    corefile: "(s) { log\n}\n.:0 {\n import s\n import s\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet without braces",
    corefile: "(s)\nwhoami",
    says: "Corefile:2 - Syntax error: Unexpected token 'whoami', expecting '{'",
  },
  {
    name: "two keys make no snippet",
    corefile: "(s) a.test:0 {\n whoami\n}",
    zones: ["(s).:21053", "a.test.:0"],
  },
  {
    name: "two keys make no snippet, whatever the first",
    corefile: "(s) .:0 {\n import s\n}",
    says: "Corefile:2 - Error during parsing: File to import not found: s",
  },
  {
    name: "a comma behind a snippet's name",
    corefile: "(s), {\n log\n}\n",
    says: "Corefile:1 - Error during parsing: Expected another address but had '{' - check for extra comma",
  },
  {
    name: "a snippet and nothing else",
    corefile: "(s) {\n log\n}",
    zones: [".:21053"],
  },
  {
    name: "import with two arguments",
    corefile: "(s) {\n whoami\n}\n.:0 {\n import s s\n}",
    says: "Corefile:5 - Error during parsing: Import takes only one argument (glob pattern or file)",
  },
  {
    name: "import with two arguments between blocks",
    corefile: "import .:0 {\n}",
    says: "Corefile:1 - Error during parsing: Import takes only one argument (glob pattern or file)",
  },
  {
    name: "import without an argument",
    corefile: ".:0 {\n import\n whoami\n}",
    says: "Corefile:2 - Error during parsing: Wrong argument count or unexpected line ending after 'import'",
  },
  {
    name: "import of a missing file",
    corefile: ".:0 {\n whoami\n import nofile\n}",
    says: "Corefile:3 - Error during parsing: File to import not found: nofile",
  },
  {
    name: "import of a pattern without matches",
    corefile: ".:0 {\n whoami\n import no*\n}",
    zones: [".:0"],
  },
  {
    name: "import with two stars",
    corefile: ".:0 {\n whoami\n import n**o\n}",
    says: "Corefile:3 - Error during parsing: Glob pattern may only contain one wildcard (*), but has others: {DIR}/n**o",
  },
  {
    name: "import with brackets",
    corefile: ".:0 {\n whoami\n import [a]\n}",
    says: "Corefile:3 - Error during parsing: Glob pattern may only contain one wildcard (*), but has others: {DIR}/[a]",
  },
  {
    name: "import with two question marks",
    corefile: ".:0 {\n whoami\n import ?a?\n}",
    says: "Corefile:3 - Error during parsing: Glob pattern may only contain one wildcard (*), but has others: {DIR}/?a?",
  },
  {
    name: "import of a directory",
    corefile: ".:0 {\n whoami\n import .\n}",
    says: "Corefile:3 - Error during parsing: Could not import {DIR}: is a directory",
  },
  {
    name: "import of a directory between blocks",
    corefile: "import sub\n",
    files: { "sub/b.conf": "b.test:0 {\n whoami\n}" },
    says: "Corefile:1 - Error during parsing: Could not import {DIR}/sub: is a directory",
  },
  {
    name: "import in the line of the brace",
    corefile: ".:0 { import x\n whoami\n}",
    says: "Corefile:1 - Error during parsing: File to import not found: x",
  },
  {
    name: "import and a closing brace in one line",
    corefile: "(s) {\n whoami\n}\n.:0 {\n import s }\n",
    says: "Corefile:5 - Error during parsing: Import takes only one argument (glob pattern or file)",
  },
  {
    name: "import of a brace",
    corefile: "(s) {\n whoami\n}\n.:0 {\n import {\n}\n",
    says: "Corefile:5 - Error during parsing: File to import not found: {",
  },
  {
    name: "a snippet in the line of the brace",
    corefile: "(s) {\n whoami\n}\n.:0 { import s\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet within a snippet",
    corefile: "(a) {\n whoami\n}\n(b) {\n import a\n log\n}\n.:0 {\n import b\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet with an empty name",
    corefile: "() {\n whoami\n}\n.:0 {\n log\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet within a directive's braces",
    corefile: "(o) {\n class denial\n }\n.:0 {\n log . {\n import o\n}\n whoami\n}",
    zones: [".:0"],
  },
  {
    name: "files that match, relative to the importing file",
    corefile: "import sub/*.conf\n",
    files: {
      "sub/b.conf": "b.test:0 {\n import inc\n}",
      "sub/a.conf": "a.test:0 {\n whoami\n}",
      "sub/inc": "log\nwhoami\n",
    },
    zones: ["a.test.:0", "b.test.:0"],
  },
  {
    name: "a file that imports itself",
    corefile: "import Corefile\n",
    says: "{DIR}/Corefile:1 - Error during parsing: maximum file import depth (10000) exceeded",
    ours: {
      says: "{DIR}/Corefile:1 - Error during parsing: maximum file import depth (100000) exceeded",
      why: "the limit that is meant",
    },
  },
  {
    name: "a file that closes a block and opens another",
    corefile: ".:0 {\n import f\n}\n",
    files: { f: "whoami\n}\nb.test:0 {\n whoami" },
    zones: [".:0", "b.test.:0"],
  },
  {
    name: "import of an empty file",
    corefile: ".:0 {\n import f\n}\n",
    files: { f: "" },
    zones: [".:0"],
  },
  {
    name: "import with blocks in its line",
    corefile: "import f a.test:0 {\n whoami\n}\n",
    files: { f: "b.test:0 {\n}\n" },
    says: "Corefile:1 - Error during parsing: Import takes only one argument (glob pattern or file)",
  },
  {
    name: "an imported key without a block",
    corefile: "import f\na.test:0 {\n whoami\n}\n",
    files: { f: "b.test:0\n" },
    says: "Corefile:2 - Error during parsing: Unknown directive 'a.test:0'",
  },
  {
    name: "a mistake in an imported file",
    corefile: "import f*\n",
    files: { f1: "b.test:0 {\n foo\n}\n" },
    says: "{DIR}/f1:2 - Error during parsing: Unknown directive 'foo'",
  },
  {
    name: "a variable in an import",
    corefile: ".:0 {\n import {$F}\n}\n",
    files: { f: "whoami\n" },
    environment: { F: "f" },
    zones: [".:0"],
  },
  {
    name: "import is an argument behind a directive",
    corefile: ".:0 {\n log import\n whoami\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet of a whole block",
    corefile: "(s) {\n a.test:0 {\n whoami\n}\n}\nimport s\n",
    zones: ["a.test.:0"],
  },
  {
    name: "a snippet that is not closed",
    corefile: "(s) {\n log\n",
    says: "Corefile:2 - Syntax error: Unexpected token 'log', expecting '}'",
  },
  {
    name: "an empty snippet",
    corefile: "(s) {\n}\nimport s\n.:0 {\n whoami\n}",
    zones: [".:0"],
  },
  {
    name: "a snippet and a block in one line",
    corefile: "(s) { log } .:0 { import s\n}",
    zones: [".:0"],
  },
  {
    name: "an empty snippet twice",
    corefile: "(s) {\n}\n(s) {\n}",
    says: "Corefile:3 - Error during parsing: redeclaration of previously declared snippet s",
  },
  {
    name: "a snippet with a directive's braces",
    corefile: "(s) {\n log {\n class all\n}\n}\n.:0 {\nimport s\n}",
    zones: [".:0"],
  },
  {
    name: "import in quotes",
    corefile: '.:0 {\n "import" x\n}',
    says: "Corefile:2 - Error during parsing: File to import not found: x",
    ours: {
      says: "Corefile:2 - Error during parsing: Unknown directive 'import'",
      why: "quotes make a word an ordinary one",
    },
  },
  {
    name: "a quoted word with a line end",
    corefile: '.:0 {\n log . "a\n b" {\n class all\n }\n whoami\n}',
    zones: [".:0"],
  },
  {
    name: "braces in quotes",
    corefile: '".:0" "{"\n "whoami"\n"}"',
    zones: [".:0"],
    ours: {
      says: "Corefile:3 - Error during parsing: Unknown directive '}'",
      why: "quotes make a word an ordinary one",
    },
  },
  {
    name: "a quote that is never closed",
    corefile: '.:0\nlog . "abc',
    zones: [".:0"],
  },
  {
    name: "a quote at the end",
    corefile: '.:0\nwhoami "',
    zones: [".:0"],
  },
  {
    name: "carriage returns and a byte order mark",
    corefile: "﻿.:0 {\r\n who\rami\r\n}\r\n",
    zones: [".:0"],
  },
  {
    name: "Unicode white space",
    corefile: ".:0 { whoami　\n}",
    zones: [".:0"],
  },
  {
    name: "a next line character is white space",
    corefile: ".:0 {\n whoami}\n",
    says: "Corefile:2 - Error during parsing: Unexpected '}' because no matching opening brace",
  },
  {
    name: "a zero width no-break space is not",
    corefile: ".:0 {\n whoami﻿\n}\n",
    says: "Corefile:2 - Error during parsing: Unknown directive 'whoami﻿'",
  },
  {
    name: "a backslash at the end of a line",
    corefile: ".:0 {\n log \\\n x\n whoami\n}",
    says: "Corefile:3 - Error during parsing: Unknown directive 'x'",
  },
  {
    name: "NUL",
    corefile: ".:0 {\n\u0000 whoami\n}",
    says: "Corefile:2 - Error during parsing: Unknown directive '\u0000'",
    ours: {
      says: "Corefile:2 - Error during parsing: Unknown directive '\\u0000'",
      why: "what a terminal may obey is not printed",
    },
  },
  {
    name: "a port beyond 65535",
    corefile: ".:99999 {\n whoami\n}",
    says: "address 99999: invalid port",
  },
  {
    name: "the first port beyond",
    corefile: ".:65536 {\n whoami\n}",
    says: "address 65536: invalid port",
  },
  {
    name: "a negative port",
    corefile: ".:-1 {\n whoami\n}",
    says: "address -1: invalid port",
  },
  {
    name: "a port with leading zeros",
    corefile: ".:065535 {\n whoami\n}",
    zones: [".:65535"],
  },
  {
    name: "a port with a letter",
    corefile: ".:5a {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: .:5a",
  },
  {
    name: "a colon without a port",
    corefile: "example.org: {\n whoami\n}",
    says: 'error inspecting server blocks: expecting data after last colon: "example.org:"',
  },
  {
    name: "a port without a zone",
    corefile: ":1054 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name:",
  },
  {
    name: "two colons",
    corefile: ":: {\n whoami\n}",
    says: 'error inspecting server blocks: expecting data after last colon: "::"',
  },
  {
    name: "two ports",
    corefile: "a:b:0 {\n whoami\n}",
    zones: ["a:b.:0"],
  },
  {
    name: "a port with a sign",
    corefile: "a.test:+5353 {\n whoami\n}",
    zones: ["a.test.:5353"],
  },
  {
    name: "a port beyond 64 bits",
    corefile: "a.test:99999999999999999999 {\n whoami\n}",
    zones: ["a.test:99999999999999999999.:21053"],
  },
  {
    name: "a port that is a word",
    corefile: "a.test:_5 {\n whoami\n}",
    zones: ["a.test:_5.:21053"],
  },
  {
    name: "an unknown scheme",
    corefile: "foo://a.test:0 {\n whoami\n}",
    zones: ["foo://a.test.:0"],
  },
  {
    name: "a scheme in capitals",
    corefile: "DNS://A.test:0 {\n whoami\n}",
    zones: ["dns://a.test.:0"],
  },
  {
    name: "tls",
    corefile: "tls://a.test {\n whoami\n}",
    zones: ["tls://a.test.:853"],
  },
  {
    name: "several schemes",
    corefile: "tls://.:0 grpc://.:0 https://a.test:0 {\n whoami\n}",
    zones: ["grpc://.:0", "https://a.test.:0", "tls://.:0"],
  },
  {
    name: "a scheme without a zone",
    corefile: "dns://:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name:",
  },
  {
    name: "a scheme alone",
    corefile: "dns:// {\n whoami\n}",
    says: 'error inspecting server blocks: expecting data after last colon: ""',
  },
  {
    name: "a scheme and a colon",
    corefile: "dns://a.test: {\n whoami\n}",
    says: 'error inspecting server blocks: expecting data after last colon: "a.test:"',
  },
  {
    name: "a unix socket",
    corefile: "unix:///tmp/x {\n whoami\n}",
    zones: [],
    ours: {
      says: "error inspecting server blocks: a server block cannot listen on a unix socket: unix:///tmp/x",
      why: "CoreDNS listens nowhere and exits with 0",
    },
  },
  {
    name: "an IPv4 prefix off the octet",
    corefile: "10.0.0.0/15:0 {\n whoami\n}",
    zones: ["0.10.in-addr.arpa.:0", "1.10.in-addr.arpa.:0"],
  },
  {
    name: "an IPv4 prefix within the last octet",
    corefile: "10.0.0.5/27:0 {\n whoami\n}",
    zones: [
      "0.0.0.10.in-addr.arpa.:0",
      "1.0.0.10.in-addr.arpa.:0",
      "10.0.0.10.in-addr.arpa.:0",
      "11.0.0.10.in-addr.arpa.:0",
      "12.0.0.10.in-addr.arpa.:0",
      "13.0.0.10.in-addr.arpa.:0",
      "14.0.0.10.in-addr.arpa.:0",
      "15.0.0.10.in-addr.arpa.:0",
      "16.0.0.10.in-addr.arpa.:0",
      "17.0.0.10.in-addr.arpa.:0",
      "18.0.0.10.in-addr.arpa.:0",
      "19.0.0.10.in-addr.arpa.:0",
      "2.0.0.10.in-addr.arpa.:0",
      "20.0.0.10.in-addr.arpa.:0",
      "21.0.0.10.in-addr.arpa.:0",
      "22.0.0.10.in-addr.arpa.:0",
      "23.0.0.10.in-addr.arpa.:0",
      "24.0.0.10.in-addr.arpa.:0",
      "25.0.0.10.in-addr.arpa.:0",
      "26.0.0.10.in-addr.arpa.:0",
      "27.0.0.10.in-addr.arpa.:0",
      "28.0.0.10.in-addr.arpa.:0",
      "29.0.0.10.in-addr.arpa.:0",
      "3.0.0.10.in-addr.arpa.:0",
      "30.0.0.10.in-addr.arpa.:0",
      "31.0.0.10.in-addr.arpa.:0",
      "4.0.0.10.in-addr.arpa.:0",
      "5.0.0.10.in-addr.arpa.:0",
      "6.0.0.10.in-addr.arpa.:0",
      "7.0.0.10.in-addr.arpa.:0",
      "8.0.0.10.in-addr.arpa.:0",
      "9.0.0.10.in-addr.arpa.:0",
    ],
  },
  {
    name: "an IPv4 prefix too long",
    corefile: "10.0.0.0/33:0 {\n whoami\n}",
    zones: ["10.0.0.0/33.:0"],
  },
  {
    name: "an IPv6 prefix off the nibble",
    corefile: "2001:db8::/30:0 {\n whoami\n}",
    zones: [
      "8.b.d.0.1.0.0.2.ip6.arpa.:0",
      "9.b.d.0.1.0.0.2.ip6.arpa.:0",
      "a.b.d.0.1.0.0.2.ip6.arpa.:0",
      "b.b.d.0.1.0.0.2.ip6.arpa.:0",
    ],
  },
  {
    name: "an IPv6 prefix that begins with a colon",
    corefile: "::1/128:0 {\n whoami\n}",
    says: "error inspecting server blocks: invalid CIDR ::1/128",
  },
  {
    name: "an IPv6 prefix that begins with a zero",
    corefile: "0::/4:0 {\n whoami\n}",
    says: "error inspecting server blocks: invalid CIDR 0::/4",
  },
  {
    name: "an IPv6 prefix that begins with a zero digit",
    corefile: "0ab::/16:0 {\n whoami\n}",
    says: "error inspecting server blocks: invalid CIDR 0ab::/16",
  },
  {
    name: "an IPv6 prefix that begins like an IPv4 address",
    corefile: "::ffff:10.0.0.0/104:0 {\n whoami\n}",
    says: "error inspecting server blocks: invalid CIDR ::ffff:10.0.0.0/104",
  },
  {
    name: "the prefix of all IPv6 addresses",
    corefile: "::/0:0 {\n whoami\n}",
    says: "error inspecting server blocks: invalid CIDR ::/0",
  },
  {
    name: "a short IPv6 prefix",
    corefile: "2000::/3:0 {\n whoami\n}",
    zones: ["2.ip6.arpa.:0", "3.ip6.arpa.:0"],
  },
  {
    name: "an IPv6 prefix written out",
    corefile: "ab:0:0:0:0:0:0:0/16:0 {\n whoami\n}",
    zones: ["b.a.0.0.ip6.arpa.:0"],
  },
  {
    name: "an IPv6 prefix with an IPv4 part",
    corefile: "64:ff9b::1.2.3.4/96:0 {\n whoami\n}",
    zones: ["0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.b.9.f.f.4.6.0.0.ip6.arpa.:0"],
  },
  {
    name: "a short form is a name",
    corefile: "10.0/8:0 {\n whoami\n}",
    zones: ["10.0/8.:0"],
  },
  {
    name: "the prefix of all IPv4 addresses",
    corefile: "10.0.0.0/0:0 {\n whoami\n}",
    zones: ["in-addr.arpa.:0"],
  },
  {
    name: "a prefix with a scheme",
    corefile: "dns://10.0.0.0/24:0 {\n whoami\n}",
    zones: ["0.0.10.in-addr.arpa.:0"],
  },
  {
    name: "a prefix without a port",
    corefile: "2001:db8::/32 {\n whoami\n}",
    zones: ["8.b.d.0.1.0.0.2.ip6.arpa.:21053"],
  },
  {
    name: "an IPv6 address is a name and a port",
    corefile: "::1 {\n whoami\n}",
    zones: [":.:1"],
  },
  {
    name: "an octet with a leading zero",
    corefile: "010.0.0.0/8:0 {\n whoami\n}",
    zones: ["010.0.0.0/8.:0"],
  },
  {
    name: "a length with a leading zero",
    corefile: "10.0.0.0/08:0 {\n whoami\n}",
    zones: ["10.in-addr.arpa.:0"],
  },
  {
    name: "a prefix with an interface",
    corefile: "fe80::1%lo/64:0 {\n whoami\n}",
    zones: ["fe80::1%lo/64.:0"],
  },
  {
    name: "a label of more than 63 bytes",
    corefile: "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.test",
  },
  {
    name: "an empty label",
    corefile: "a..test:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: a..test",
  },
  {
    name: "two dots",
    corefile: "..:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: ..",
  },
  {
    name: "a dot in front",
    corefile: ".a:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: .a",
  },
  {
    name: "an escaped dot",
    corefile: "a\\.b.test:0 {\n whoami\n}",
    zones: ["a\\.b.test.:0"],
  },
  {
    name: "an escaped byte",
    corefile: "a\\300b.test:0 {\n whoami\n}",
    zones: ["a\\300b.test.:0"],
    ours: {
      says: "error inspecting server blocks: zone is not a valid domain name: a\\300b.test",
      why: "no name has such a byte, so no query would be in the zone",
    },
  },
  {
    name: "an escaped byte that is none",
    corefile: "a\\999.test:0 {\n whoami\n}",
    zones: ["a\\999.test.:0"],
    ours: {
      says: "error inspecting server blocks: zone is not a valid domain name: a\\999.test",
      why: "no name has such a byte, so no query would be in the zone",
    },
  },
  {
    name: "an escape at the end",
    corefile: "a\\:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: a\\",
  },
  {
    name: "an escape at the end behind a dot",
    corefile: "a.test\\:0 {\n whoami\n}",
    says: "error inspecting server blocks: zone is not a valid domain name: a.test\\",
  },
  {
    name: "an escaped dot at the end",
    corefile: "a.test\\.:0 {\n whoami\n}",
    zones: ["a.test\\..:0"],
  },
  {
    name: "letters beyond ASCII",
    corefile: "bücher.test:0 {\n whoami\n}",
    zones: ["bücher.test.:0"],
  },
  {
    name: "names that hosts do not have",
    corefile: "*.a.test:0 a_b.test:0 -a.test:0 {\n whoami\n}",
    zones: ["*.a.test.:0", "-a.test.:0", "a_b.test.:0"],
  },
  {
    name: "a key that is an unset variable",
    corefile: "{$A} .:0\n whoami\n",
    zones: [".:0"],
  },
  {
    name: "a variable with a comma",
    corefile: "{$A}\n whoami\n",
    environment: { A: "a.test:0," },
    zones: ["a.test.:0", "whoami.:21053"],
  },
  {
    name: "a variable in a snippet's name",
    corefile: "({$A}) {\n whoami\n}\n.:0 {\n import s\n}",
    environment: { A: "s" },
    zones: [".:0"],
  },
  {
    name: "a variable that says import",
    corefile: ".:0 {\n {$A} x\n }",
    environment: { A: "import" },
    says: "Corefile:2 - Error during parsing: Unknown directive 'import'",
  },
  {
    name: "a variable that is a brace",
    corefile: ".:0 {\n cache {$A}\n prefetch 1\n }\n}",
    environment: { A: "{" },
    says: "Corefile:3 - Error during parsing: Unknown directive 'prefetch'",
  },
  {
    name: "an empty variable name ends the search",
    corefile: ".:0 {\n foo{$}{$B}x\n}",
    environment: { B: "bb" },
    says: "Corefile:2 - Error during parsing: Unknown directive 'foo{$}{$B}x'",
  },
  {
    name: "a variable that refers to another",
    corefile: ".:0 {\n foo{%A%}{$A}\n}",
    environment: { B: "bb", A: "{$B}" },
    says: "Corefile:2 - Error during parsing: Unknown directive 'foobbbb'",
  },
  {
    name: "a zone twice in one block",
    corefile: "a.test:1053 A.TEST.:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - it is already defined",
  },
  {
    name: "a zone in two blocks",
    corefile: "a.test:1053 {\n whoami\n}\na.test:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - it is already defined",
  },
  {
    name: "a bound zone behind an unbound one",
    corefile: "a.test:1053 {\n whoami\n}\na.test:1053 {\n bind 127.0.0.1\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 on 127.0.0.1 - zone overlap listener capacity with dns://a.test.:1053",
  },
  {
    name: "an unbound zone behind a bound one",
    corefile: "a.test:1053 {\n bind 127.0.0.1\n whoami\n}\na.test:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - zone overlap listener capacity with dns://a.test.:1053 on 127.0.0.1",
  },
  {
    name: "a zone on two addresses",
    corefile: "a.test:1053 {\n bind 127.0.0.1\nwhoami\n}\na.test:1053 {\n bind 127.0.0.2\n whoami\n}",
    zones: ["a.test.:1053 on 127.0.0.1", "a.test.:1053 on 127.0.0.2"],
  },
  {
    name: "a zone twice on one address",
    corefile: "a.test:1053 {\n bind 127.0.0.1\nwhoami\n}\na.test:1053 {\n bind 127.0.0.1\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 on 127.0.0.1 - it is already defined",
  },
  {
    name: "bind with one address twice",
    corefile: "a.test:1053 {\n bind 127.0.0.1 127.0.0.1\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 on 127.0.0.1 - it is already defined",
  },
  {
    name: "bind with addresses in common",
    corefile:
      "a.test:1053 {\n bind 127.0.0.1 127.0.0.2\n whoami\n}\na.test:1053 {\n bind 127.0.0.2 127.0.0.3\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 on 127.0.0.2 - it is already defined",
  },
  {
    name: "the wildcard address is an address",
    corefile: "a.test:1053 {\n bind 0.0.0.0\n whoami\n}\na.test:1053 {\n bind 127.0.0.1\n whoami\n}",
    zones: ["a.test.:1053 on 0.0.0.0", "a.test.:1053 on 127.0.0.1"],
  },
  {
    name: "the wildcard address and none",
    corefile: "a.test:1053 {\n bind 0.0.0.0\n whoami\n}\na.test:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - zone overlap listener capacity with dns://a.test.:1053 on 0.0.0.0",
  },
  {
    name: "a zone over two transports",
    corefile: "tls://a.test:1053 {\n whoami\n}\na.test:1053 {\n whoami\n}",
    zones: ["a.test.:1053", "tls://a.test.:1053"],
  },
  {
    name: "two zones in two blocks",
    corefile: "a.test:1053 b.test:1053 {\n whoami\n}\nb.test:1053 a.test:1053 {\n whoami\n}",
    says: "cannot serve dns://b.test.:1053 - it is already defined",
  },
  {
    name: "two prefixes of one zone",
    corefile: "10.0.0.0/24 10.0.0.5/24 {\n whoami\n}",
    says: "cannot serve dns://0.0.10.in-addr.arpa.:21053 - it is already defined",
  },
  {
    name: "one port written twice",
    corefile: "a.test:53 {\n whoami\n}\na.test:053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:53 - it is already defined",
  },
  {
    name: "a view before the same zone",
    corefile: "a.test:1053 {\n view a {\n expr true\n}\n whoami\n}\na.test:1053 {\n whoami\n}",
    zones: ["a.test.:1053"],
  },
  {
    name: "a view behind the same zone",
    corefile: "a.test:1053 {\n whoami\n}\na.test:1053 {\n view x {\n expr true\n}\n whoami\n}",
    zones: ["a.test.:1053"],
  },
  {
    name: "a view between the same zones",
    corefile:
      "a.test:1053 {\n whoami\n}\na.test:1053 {\n view x {\n expr true\n}\n whoami\n}\na.test:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - it is already defined",
  },
  {
    name: "a view before two of the same zone",
    corefile:
      "a.test:1053 {\n view y {\n expr true\n}\n whoami\n}\na.test:1053 {\n whoami\n}\na.test:1053 {\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 - it is already defined",
  },
  {
    name: "a view before a bound zone",
    corefile: "a.test:1053 {\n view x {\n expr true\n}\n whoami\n}\na.test:1053 {\n bind 127.0.0.1\n whoami\n}",
    zones: ["a.test.:1053", "a.test.:1053 on 127.0.0.1"],
  },
  {
    name: "a bound view before the same zone",
    corefile: "a.test:1053 {\n bind 127.0.0.1\n view y {\n expr true\n}\n whoami\n}\na.test:1053 {\n whoami\n}",
    zones: ["a.test.:1053", "a.test.:1053 on 127.0.0.1"],
  },
  {
    name: "a bound view behind an unbound zone",
    corefile: "a.test:1053 {\n whoami\n}\na.test:1053 {\n view x {\n expr true\n}\n bind 127.0.0.1\n whoami\n}",
    says: "cannot serve dns://a.test.:1053 on 127.0.0.1 - zone overlap listener capacity with dns://a.test.:1053",
  },
  {
    name: "two views, bound and unbound",
    corefile:
      "a.test:1053 {\n view y {\n expr true\n}\n whoami\n}\na.test:1053 {\n view x {\n expr true\n}\n bind 127.0.0.1\n whoami\n}",
    zones: ["a.test.:1053", "a.test.:1053 on 127.0.0.1"],
  },
  {
    name: "a zone twice in a block with a view",
    corefile: "a.test:1053 a.test:1053 {\n view x {\n expr true\n}\n whoami\n}",
    zones: ["a.test.:1053"],
  },
  {
    name: "other zones do not clash",
    corefile: "b.test:1053 {\n bind 127.0.0.1\n whoami\n}\na.test:1053 {\n whoami\n}",
    zones: ["a.test.:1053", "b.test.:1053 on 127.0.0.1"],
  },
  {
    name: "a bad port and an unknown directive",
    corefile: "a.test:99999 {\n whoami\n foo\n}",
    says: "Corefile:3 - Error during parsing: Unknown directive 'foo'",
  },
  {
    name: "a bad zone and an unknown directive",
    corefile: "a..test {\n whoami\n foo\n}",
    says: "Corefile:3 - Error during parsing: Unknown directive 'foo'",
  },
  {
    name: "a mistake in a snippet that nobody imports",
    corefile: "(s) {\n foo\n}\n.:0 {\n whoami\n}",
    zones: [".:0"],
  },
];
