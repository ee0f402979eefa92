// @ts-check
/**
 * What random changes do, and whether a number stands outside of it: `analysis/core/uncertainty.py`.
 */

/** Random changes from which on their spread can be told. */
export const FEWEST = 3;
/** A divergence below it is the rounding of single precision. */
export const NOTHING_NATS = 1e-6;
/** Student's t at 97.5 %, by degrees of freedom from 1 on. */
const STUDENT = [12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.306, 2.2622, 2.2281];

/**
 * @typedef {object} Spread
 * @property {number} mean
 * @property {number} low  95 % of random changes lie between; NaN where they are too few.
 * @property {number} high
 *
 * @typedef {"more" | "less" | "same" | null} Standing  Null where the spread is not known.
 */

/**
 * @param {number[]} values
 * @returns {Spread}
 */
export function spread(values) {
  const count = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  if (count < FEWEST) return { mean, low: Number.NaN, high: Number.NaN };
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const tail = STUDENT[Math.min(count - 1, STUDENT.length) - 1];
  const reach = tail * Math.sqrt(squares / (count - 1)) * Math.sqrt(1 + 1 / count);
  return { mean, low: mean - reach, high: mean + reach };
}

/**
 * Of divergences, which vary by factors: the spread is that of their logarithms.
 * @param {number[]} values
 * @returns {Spread}
 */
export function divergenceSpread(values) {
  const { low, high } = spread(values.map((value) => Math.log(Math.max(value, NOTHING_NATS))));
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return { mean, low: Math.exp(low), high: Math.exp(high) };
}

/**
 * @param {Spread} drawn
 * @param {number} value
 * @returns {Standing}
 */
export function standing({ low, high }, value) {
  if (!Number.isFinite(low)) return null;
  const rounding = 1e-9 * Math.abs(value);
  if (low - rounding <= value && value <= high + rounding) return "same";
  return value > high ? "more" : "less";
}
