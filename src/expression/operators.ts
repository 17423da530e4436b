/** Operators and comparisons between values whose kinds are only known now. Throw a Failure where there is no result. */
import { Failure, isList, isMap, typeName, type Value } from "../template/value.ts";

/** Integers and floats compare by what they are worth, lists and maps by what is in them. */
export function equal(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (isNumeric(a) && isNumeric(b)) return Number(a) === Number(b) && typeof a !== typeof b;
  if (isList(a) && isList(b)) return a.length === b.length && a.every((one, i) => equal(one, b[i]));
  if (isMap(a) && isMap(b))
    return a.size === b.size && [...a].every(([key, one]) => b.has(key) && equal(one, b.get(key)));
  return false;
}

/** Negative, zero or positive: how a stands to b in an order. */
export function compare(operator: string, a: Value, b: Value): number {
  if (isNumeric(a) && isNumeric(b)) return a < b ? -1 : a > b ? 1 : Number(a) === Number(b) ? 0 : Number.NaN;
  if (typeof a === "string" && typeof b === "string") return a < b ? -1 : a > b ? 1 : 0;
  throw mismatch(operator, a, b);
}

export function arithmetic(operator: string, a: Value, b: Value): Value {
  if (operator === "+" && typeof a === "string" && typeof b === "string") return a + b;
  if (!isNumeric(a) || !isNumeric(b)) throw mismatch(operator, a, b);
  if (typeof a === "bigint" && typeof b === "bigint") {
    switch (operator) {
      case "+":
        return BigInt.asIntN(64, a + b);
      case "-":
        return BigInt.asIntN(64, a - b);
      case "*":
        return BigInt.asIntN(64, a * b);
      case "%":
        if (b === 0n) throw new Failure("integer divide by zero");
        return a % b;
    }
  }
  const [x, y] = [Number(a), Number(b)];
  switch (operator) {
    case "+":
      return x + y;
    case "-":
      return x - y;
    case "*":
      return x * y;
    case "/":
      return x / y;
    case "**":
    case "^":
      return x ** y;
    default:
      throw mismatch(operator, a, b);
  }
}

export function negate(value: Value): Value {
  if (typeof value === "bigint") return BigInt.asIntN(64, -value);
  if (typeof value === "number") return -value;
  throw new Failure(`invalid operation: - ${typeName(value)}`);
}

function isNumeric(value: Value): value is bigint | number {
  return typeof value === "bigint" || typeof value === "number";
}

function mismatch(operator: string, a: Value, b: Value): Failure {
  return new Failure(`invalid operation: ${typeName(a)} ${operator} ${typeName(b)}`);
}
