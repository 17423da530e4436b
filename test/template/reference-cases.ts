/**
 * What Go 1.26's text/template makes of templates over the data in template.test.ts: its text, or its words when the template
 * cannot be read, or cannot be run. Made by that program, not by hand.
 */
type Rows = readonly (readonly [template: string, result: string])[];

export const TEXTS: Rows = [
  ["{{ .Name }}", "x-7.a.test."],
  ['a {{- " b " -}} c', "a b c"],
  ["{{ range $i, $e := .Match }}{{ $i }}={{ $e }},{{ end }}", "0=x-7,1=x,2=7,"],
  ["{{ range .Group }}{{ . }}{{ else }}none{{ end }}", "x-7x7"],
  [
    '{{ printf "%03d" .N }}{{ printf "%d" "x" }}{{ printf "%s" 1 }}{{ printf "%d %d" 1 }}{{ printf "%d" 1 2 }}',
    "-05%!d(string=x)%!s(int=1)1 %!d(MISSING)1%!(EXTRA int=2)",
  ],
  [
    '{{ index .Group "zz" }}|{{ index .Var "zz" }}|{{ .Group.zz }}|{{ print .Group.zz }}|{{ print .Var.zz }}',
    "|<no value>|<no value>|<nil>|<nil>",
  ],
  [
    '{{ html "<a&\'\\"b>" }} {{ js "a\'<=&\\"\\n" }} {{ urlquery "a b&c/é" }}',
    "&lt;a&amp;&#39;&#34;b&gt; a\\'\\u003C\\u003D\\u0026\\\"\\u000A a+b%26c%2F%C3%A9",
  ],
  [
    "{{ print 1e6 }} {{ print 123456789.0 }} {{ print 1e20 }} {{ print 1e21 }} {{ print 1.0 }} {{ print 0.00001 }} {{ print 1e-7 }}",
    "1e+06 1.23456789e+08 1e+20 1e+21 1 1e-05 1e-07",
  ],
  [
    '{{ len "é" }} {{ slice "abc" 1 2 }} {{ index "abc" 1 }} {{ printf "%c" 233 }} {{ printf "%q" "é\\x00" }} {{ printf "%+q" "é" }}',
    '2 b 98 é "é\\x00" "\\u00e9"',
  ],
  ["{{ eq .Id 65000 }} {{ lt .N 0 }} {{ gt .F 2.0 }}", "true true true"],
  ['{{ eq .Group.zz "" }}', "false"],
  ["{{ eq .Group.zz nil }}", "true"],
  [
    '{{ parseInt .Group.n 10 64 }} {{ .Group.n | printf "%s!" }} {{ parseInt "0x1f" 0 64 }} {{ parseInt "1_0" 0 64 }} {{ parseInt "fF" 16 8 }}',
    "7 7! 31 10 255",
  ],
  ['{{ "x" | .Meta }}', "meta:x"],
  ["{{ if and .B (gt .N -9) }}y{{ else }}n{{ end }}", "y"],
  ['{{ block "x" . }}{{ .Name }}{{ end }}{{ template "x" $ }}', "x-7.a.test.x-7.a.test."],
  ["{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}", "2"],
  ["{{ .Name\n}}", "x-7.a.test."],
  ["{{ range 3 }}{{ . }}{{ end }}", "012"],
  ["{{ .Var.zz.y }}", "<no value>"],
  ["{{ .Group.zz.y }}", "<no value>"],
  [
    "{{ 1_000 }} {{ 0b11 }} {{ 017 }} {{ 0o17 }} {{ 1.5e3 }} {{ 0x1p4 }} {{ '\\n' }} {{ '\\'' }}",
    "1000 3 15 15 1500 16 10 39",
  ],
  ['{{ .Name | printf "%s" | len }}', "11"],
  [
    '{{ printf "%v %v %v" .Match .Group .Var }} {{ printf "%q" .Match }} {{ printf "%#v" .Match }} {{ printf "%T" .Group }}',
    '[x-7 x 7] map[0:x-7 1:x n:7] map[a:true f:1.5 l:[1 b <nil>] m:map[k:1] p:8 s:str] ["x-7" "x" "7"] []string{"x-7", "x", "7"} map[string]string',
  ],
  ['{{ print "a" 1 2 "b" 3.0 true nil }} {{ println 1 "a" }}', "a1 2b3 true <nil> 1 a\n"],
  [
    "{{ .Var }} {{ .Nested }} {{ print .Var.l }}",
    "map[a:true f:1.5 l:[1 b <nil>] m:map[k:1] p:8 s:str] [[1 2] x] [1 b <nil>]",
  ],
  [
    '{{ printf "%6.2f|%-8s|%8s|%+d|%x|% x|%#x" 3.14159 "ab" "cd" 5 "hi" "hi" 255 }}',
    "  3.14|ab      |      cd|+5|6869|68 69|0xff",
  ],
  ['{{ range .Match }}{{ if eq . "x" }}{{ continue }}{{ end }}{{ . }}{{ end }}', "x-77"],
  [
    '{{ printf "%*d|%-*d|" 5 1 5 2 }}{{ printf "%[2]d %[1]d" 1 2 }}{{ printf "%[3]d" 1 }}{{ printf "%!" }}{{ printf "%" }}',
    "    1|2    |2 1%!d(BADINDEX)%!!(MISSING)%!(NOVERB)",
  ],
  ["{{- /* x */ -}} a", "a"],
  ["{{ with .Group }}{{ .n }}{{ else with .Name }}{{ . }}{{ end }}", "7"],
  ["{{ if false }}{{ else if .B }}yes{{ end }}", "yes"],
  [
    '{{ print 123456.0 }} {{ print 1234567.5 }} {{ print 0.0001 }} {{ printf "%g %e %.3f %G %E %8.2f|%-8.1f|%+.1f|%06.1f" 1.5 1.5 1.5 1e21 0.00012 2.5 2.5 2.5 2.5 }}',
    "123456 1.2345675e+06 0.0001 1.5 1.500000e+00 1.500 1E+21 1.200000E-04     2.50|2.5     |+2.5|0002.5",
  ],
  [
    '{{ printf "%5t|%q|%#q|%x|%X|%#x|% x|%U|%#U|%c|%b|%o|%O|%#o" true 65 "a" "hi" "hi" "hi" "hi" 233 233 65 5 8 8 8 }}',
    " true|'A'|`a`|6869|6869|0x6869|68 69|U+00E9|U+00E9 'é'|A|101|10|0o10|010",
  ],
  [
    '{{ printf "%v %+v %#v %T %v" .Match .Group .Match 1.5 nil }}',
    '[x-7 x 7] map[0:x-7 1:x n:7] []string{"x-7", "x", "7"} float64 <nil>',
  ],
  [
    '{{ printf "%d" .Match }} {{ printf "%s|%5s|%.1s" .Match .Match .Match }}',
    "[%!d(string=x-7) %!d(string=x) %!d(string=7)] [x-7 x 7]|[  x-7     x     7]|[x x 7]",
  ],
  ['{{ printf "%.2s|%5.1s|%-5s|%05d|%x|%X" "héllo" "abc" "ab" -42 -255 255 }}', "hé|    a|ab   |-0042|-ff|FF"],
  [
    '{{ slice .Match 1 }} {{ slice .Match 0 2 }} {{ slice "abc" 1 }} {{ slice .Match 0 1 2 }}',
    "[x 7] [x-7 x] bc [x-7]",
  ],
  ["{{ range $k, $v := .Group }}{{ $k }}:{{ $v }};{{ end }}", "0:x-7;1:x;n:7;"],
  ["{{ with .Group.zz }}yes{{ else }}no{{ end }}", "no"],
  ['{{ block "b" .Match }}{{ range . }}[{{ . }}]{{ end }}{{ end }}', "[x-7][x][7]"],
  [
    '{{ define "rec" }}{{ if lt . 3 }}{{ . }}{{ else }}end{{ end }}{{ end }}{{ template "rec" 2 }}{{ template "rec" 5 }}',
    "2end",
  ],
  ["{{ $a := 1 }}{{ range 3 }}{{ $a = . }}{{ end }}{{ $a }}", "2"],
  ["{{ if and false .Nope }}x{{ else }}short{{ end }}{{ or true .Nope }}", "shorttrue"],
  ['{{ true | not }} {{ not 0 }} {{ not "" }} {{ and 1 0 2 }} {{ or 0 "" "x" }}', "false true true 0 x"],
  ['{{ ne 1 2 }} {{ le 2 2 }} {{ ge "b" "a" }} {{ eq true true }}', "true true true true"],
  ['{{ "\\x41\\u00e9\\101\\n\\"" }}', 'AéA\n"'],
  ['{{ index .Nested 0 1 }} {{ index .Var.m "k" }} {{ len .Var }}', "2 1 6"],
  ["text {{- /* both sides */ -}} more", "textmore"],
  ['{{ printf "%s" nil }} {{ printf "%d" nil }}', "%!s(<nil>) %!d(<nil>)"],
];

export const UNREADABLE: Rows = [
  ["{{ with $y := .Name }}{{ $y }}{{ end }}{{ $y }}", 'template: answer:1: undefined variable "$y"'],
  ["{{ if }}", "template: answer:1: missing value for if"],
  ["{{ .Name\n", "template: answer:2: unclosed action started at answer:1"],
  ["{{ 1 | 2 }}", "template: answer:1: non executable command in pipeline stage 2"],
  ["{{ break }}", "template: answer:1: {{break}} outside {{range}}"],
  ["{{ 99999999999999999999 }}", 'template: answer:1: integer overflow: "99999999999999999999"'],
  ["{{ 1a }}", 'template: answer:1: bad number syntax: "1a"'],
  ["{{ 'ab' }}", "template: answer:1: malformed character constant: 'ab'"],
  ['{{ "a }}', "template: answer:1: unterminated quoted string"],
  ["{{ `a }}", "template: answer:1: unterminated raw quoted string"],
  ["{{/* a }}", "template: answer:1: unclosed comment"],
  ["{{/* a */ }}", "template: answer:1: comment ends before closing delimiter"],
  ["{{ ( .Name }}", "template: answer:1: unclosed left paren"],
  ["{{ .Name ) }}", "template: answer:1: unexpected right paren"],
  ["{{ é }} {{ .é }}", 'template: answer:1: function "é" not defined'],
  ["{{ # }}", 'template: answer:1: unexpected "#" in command'],
  ['{{ define "x" }}a', "template: answer:1: unexpected EOF"],
  ["{{ define x }}a{{ end }}", 'template: answer:1: unexpected "x" in define clause'],
  ["{{ else }}", "template: answer:1: unexpected {{else}}"],
  ["{{ if true }}{{ else }}{{ else }}{{ end }}", "template: answer:1: expected end; found {{else}}"],
  ["{{ $x }}", 'template: answer:1: undefined variable "$x"'],
  ["{{ $x, $y := 1 }}", "template: answer:1: too many declarations in command"],
  ["{{ true.x }}", 'template: answer:1: unexpected . after term "true"'],
  ["{{ if true }}{{ break }}{{ end }}", "template: answer:1: {{break}} outside {{range}}"],
  ["{{ if false }}{{ else with .B }}yes{{ end }}", "template: answer:1: unexpected <with> in input"],
];

export const FAILING: Rows = [
  [
    "{{ .Name.Foo }}",
    'template: answer:1:8: executing "answer" at <.Name.Foo>: can\'t evaluate field Foo in type string',
  ],
  ["{{ .Foo }}", 'template: answer:1:3: executing "answer" at <.Foo>: can\'t evaluate field Foo in type *main.data'],
  [
    '{{ eq .Name "a" "x-7.a.test." }} {{ eq 1 1.0 }}',
    'template: answer:1:36: executing "answer" at <eq 1 1.0>: error calling eq: incompatible types for comparison: int and float64',
  ],
  [
    '{{ parseInt "x" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "x" 10 8>: error calling parseInt: strconv.ParseUint: parsing "x": invalid syntax',
  ],
  [
    '{{ parseInt "é\\"x" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "é\\"x" 10 8>: error calling parseInt: strconv.ParseUint: parsing "é\\"x": invalid syntax',
  ],
  [
    '{{ parseInt "300" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "300" 10 8>: error calling parseInt: strconv.ParseUint: parsing "300": value out of range',
  ],
  [
    '{{ parseInt "-1" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "-1" 10 8>: error calling parseInt: strconv.ParseUint: parsing "-1": invalid syntax',
  ],
  [
    '{{ parseInt "+1" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "+1" 10 8>: error calling parseInt: strconv.ParseUint: parsing "+1": invalid syntax',
  ],
  [
    '{{ parseInt "" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "" 10 8>: error calling parseInt: strconv.ParseUint: parsing "": invalid syntax',
  ],
  [
    '{{ parseInt "_1" 0 64 }}',
    'template: answer:1:3: executing "answer" at <parseInt "_1" 0 64>: error calling parseInt: strconv.ParseUint: parsing "_1": invalid syntax',
  ],
  [
    '{{ parseInt "1" 10 65 }}',
    'template: answer:1:3: executing "answer" at <parseInt "1" 10 65>: error calling parseInt: strconv.ParseUint: parsing "1": invalid bit size 65',
  ],
  [
    '{{ parseInt "300x" 10 8 }}',
    'template: answer:1:3: executing "answer" at <parseInt "300x" 10 8>: error calling parseInt: strconv.ParseUint: parsing "300x": value out of range',
  ],
  [
    '{{ .Meta "a/b" }} {{ .Meta }}',
    'template: answer:1:21: executing "answer" at <.Meta>: wrong number of args for Meta: want 1 got 0',
  ],
  ["{{ .Meta 1 }}", 'template: answer:1:9: executing "answer" at <1>: expected string; found 1'],
  ["{{ .Meta nil }}", 'template: answer:1:9: executing "answer" at <nil>: cannot assign nil to string'],
  [
    "{{ .Meta .N }}",
    'template: answer:1:9: executing "answer" at <.N>: wrong type for value; expected string; got int',
  ],
  ["{{ .Meta .Group.zz }}", 'template: answer:1:15: executing "answer" at <.Group.zz>: invalid value; expected string'],
  ["{{ (1).Name }} ", 'template: answer:1:4: executing "answer" at <1>: can\'t evaluate field Name in type int'],
  ["{{ 1 2 }}", 'template: answer:1:3: executing "answer" at <1>: can\'t give argument to non-function 1'],
  ["{{ nil }}", 'template: answer:1:3: executing "answer" at <nil>: nil is not a command'],
  [
    "{{ range $i, $e := 3 }}{{ . }}{{ end }}",
    'template: answer:1:19: executing "answer" at <3>: can\'t use 3 to iterate over more than one variable',
  ],
  [
    '{{ range "abc" }}{{ . }}{{ end }}',
    'template: answer:1:9: executing "answer" at <"abc">: range can\'t iterate over abc',
  ],
  [
    "{{ range .B }}{{ . }}{{ end }}",
    'template: answer:1:9: executing "answer" at <.B>: range can\'t iterate over true',
  ],
  [
    "{{ index .Match 5 }}",
    'template: answer:1:3: executing "answer" at <index .Match 5>: error calling index: index out of range: 5',
  ],
  [
    "{{ index .Match 3 }}",
    'template: answer:1:3: executing "answer" at <index .Match 3>: error calling index: reflect: slice index out of range',
  ],
  [
    "{{ index .Match -1 }}",
    'template: answer:1:3: executing "answer" at <index .Match -1>: error calling index: index out of range: -1',
  ],
  [
    "{{ slice .Match 2 1 }}",
    'template: answer:1:3: executing "answer" at <slice .Match 2 1>: error calling slice: invalid slice index: 2 > 1',
  ],
  ["{{ len 3 }}", 'template: answer:1:3: executing "answer" at <len 3>: error calling len: len of type int'],
  [
    "{{ len .Var.zz }}",
    'template: answer:1:3: executing "answer" at <len .Var.zz>: error calling len: reflect: call of reflect.Value.Type on zero Value',
  ],
  [
    "{{ .Var.m.k.z }}",
    'template: answer:1:7: executing "answer" at <.Var.m.k.z>: can\'t evaluate field z in type interface {}',
  ],
  [
    "{{ and }}",
    'template: answer:1:3: executing "answer" at <and>: wrong number of args for and: want at least 1 got 0',
  ],
  ["{{ not 1 2 }}", 'template: answer:1:3: executing "answer" at <not>: wrong number of args for not: want 1 got 2'],
  [
    "{{ call .Name }}",
    'template: answer:1:3: executing "answer" at <call .Name>: error calling call: non-function .Name of type string',
  ],
  [
    "{{ 9223372036854775808 }}",
    'template: answer:1:3: executing "answer" at <9223372036854775808>: 9223372036854775808 overflows int',
  ],
  ['{{ "a" "b" }}', 'template: answer:1:3: executing "answer" at <"a">: can\'t give argument to non-function "a"'],
  [
    '{{ .Name "b" }}',
    'template: answer:1:3: executing "answer" at <.Name>: Name has arguments but cannot be invoked as function',
  ],
  [
    '{{ .Group "b" }} ',
    'template: answer:1:3: executing "answer" at <.Group>: Group has arguments but cannot be invoked as function',
  ],
  [
    '{{ .Group.n "b" }} ',
    'template: answer:1:9: executing "answer" at <.Group.n>: n is not a method but has arguments',
  ],
  [
    "{{ eq .Match .Match }}",
    'template: answer:1:3: executing "answer" at <eq .Match .Match>: error calling eq: non-comparable type [x-7 x 7]: []string',
  ],
  [
    "{{ lt .B true }}",
    'template: answer:1:3: executing "answer" at <lt .B true>: error calling lt: invalid type for comparison',
  ],
  [
    '{{ lt 1 "a" }}',
    'template: answer:1:3: executing "answer" at <lt 1 "a">: error calling lt: incompatible types for comparison: int and string',
  ],
  ["{{ eq }}", 'template: answer:1:3: executing "answer" at <eq>: wrong number of args for eq: want at least 1 got 0'],
  [
    "{{ eq 1 }}",
    'template: answer:1:3: executing "answer" at <eq 1>: error calling eq: missing argument for comparison',
  ],
  ["{{ printf 1 }}", 'template: answer:1:10: executing "answer" at <1>: expected string; found 1'],
];
