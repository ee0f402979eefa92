// @ts-check
/** Tables as CSV (RFC 4180). */

/**
 * @param {(string | number)[][]} rows
 * @returns {string}
 */
export function csvOf(rows) {
  return rows.map((row) => `${row.map(cell).join(",")}\r\n`).join("");
}

/**
 * A value with the digits of a 32-bit float that count.
 * @param {number} value
 */
export function short(value) {
  return Number(value.toPrecision(6));
}

/** @param {string | number} value */
function cell(value) {
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
