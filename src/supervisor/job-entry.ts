/** What a job thread runs: an export `run` of a module that the job names. */
export default async function job({ module, input }: { module: string; input: unknown }): Promise<unknown> {
  const { run } = (await import(module)) as { run(input: unknown): unknown };
  return run(input);
}
