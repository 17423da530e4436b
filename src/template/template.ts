/**
 * Go's text/template, for texts that users write for CoreDNS: read once, run for many queries.
 *
 *     const template = Template.parse("answer", "{{ .Name }} 60 IN A 10.0.0.{{ .Group.n }}", [parseInt]);
 *     template.run(data)    the text; or why there is none, as a Failure with Go's words
 *
 * A run takes a bounded number of steps and gives a bounded number of bytes, whatever the template and the data.
 */
import { execute } from "./execute.ts";
import { BUILTINS } from "./functions.ts";
import { listText, type Node } from "./nodes.ts";
import { type Definitions, parseTemplate } from "./parser.ts";
import { Failure, type Method, type Value } from "./value.ts";

export class Template {
  readonly name: string;
  readonly #source: string;
  readonly #definitions: Definitions;
  readonly #functions: ReadonlyMap<string, Method>;
  /** The text when nothing in the template depends on what it is run with. */
  readonly #constant: string | undefined;

  private constructor(name: string, source: string, definitions: Definitions, functions: ReadonlyMap<string, Method>) {
    this.name = name;
    this.#source = source;
    this.#definitions = definitions;
    this.#functions = functions;
    this.#constant = constantText(definitions.get(name)!);
  }

  /** A Failure when the text is no template. */
  static parse(name: string, text: string, functions: readonly Method[] = []): Template | Failure {
    const byName = new Map(functions.map((one) => [one.name, one]));
    try {
      const known = new Set([...BUILTINS, ...byName.keys()]);
      return new Template(name, text, parseTemplate(name, text, known), byName);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }

  /** The template as it was read, each action in its shortest form. */
  get text(): string {
    return listText(this.#definitions.get(this.name)!);
  }

  run(data: Value): string | Failure {
    if (this.#constant !== undefined) return this.#constant;
    try {
      return execute(this.name, this.#source, this.#definitions, this.#functions, data);
    } catch (error) {
      if (error instanceof Failure) return error;
      throw error;
    }
  }
}

function constantText(list: readonly Node[]): string | undefined {
  let text = "";
  for (const node of list) {
    if (node.kind !== "text") return undefined;
    text += node.text;
  }
  return text;
}
