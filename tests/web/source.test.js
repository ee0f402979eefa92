// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { SourceError } from "../../assets/web/source.js";

test("an error carries its sentence", () => {
  const error = new SourceError("That file is no picture.");
  assert.ok(error instanceof Error);
  assert.equal(error.message, "That file is no picture.");
  assert.equal(error.sentence, error.message);
});
