/**
 * What the rows of the catalogue of faults come to: each figure is held against its bound where it is measured, and kept
 * for the report when somebody asks for one (run.ts).
 */
import assert from "node:assert/strict";
import { appendFileSync } from "node:fs";

/** `FAULTS=large` runs the rows as long and as large as the catalogue names them. */
export const isLarge: boolean = process.env.FAULTS === "large";

export function sized<Value>(small: Value, large: Value): Value {
  return isLarge ? large : small;
}

export interface Figure {
  readonly row: string;
  /** What was counted or measured. */
  readonly what: string;
  readonly value: number;
  readonly unit?: string;
  readonly atMost?: number;
  readonly atLeast?: number;
}

/** Fails the test when the figure is out of its bounds. */
export function figure(figure: Figure): void {
  const { what, value, unit = "", atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = figure;
  if (process.env.FAULTS_FIGURES) appendFileSync(process.env.FAULTS_FIGURES, `${JSON.stringify(figure)}\n`);
  assert.ok(value <= atMost, `${what}: ${value} ${unit} is more than ${atMost}`);
  assert.ok(value >= atLeast, `${what}: ${value} ${unit} is less than ${atLeast}`);
}
