// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { SourceError } from "../../assets/web/source.js";

test("an error carries its sentence and the place it belongs to", () => {
  const error = new SourceError("That file is no picture.", "picture");
  assert.ok(error instanceof Error);
  assert.equal(error.message, error.sentence);
  assert.equal(error.place, "picture");
  assert.equal(new SourceError("x").place, "layer");
});
