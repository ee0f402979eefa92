// @ts-check
import assert from "node:assert/strict";
import test from "node:test";

import { fitting } from "../../assets/web/fitting.js";
import {
  askedOf,
  beginning,
  homeOf,
  openedWith,
  probeOf,
  queryOf,
  readQuery,
  Store,
} from "../../assets/web/selection.js";
import { regionsOf } from "../../assets/web/whole.js";

/** @returns {any} */
function picture(changes = {}) {
  const stages = [1, 2, 3, 4].map((stage) => ({
    stage,
    depth: 2 * stage,
    heads: stage > 2 ? 5 : 1,
  }));
  const setting = { model: "nano", reach: "global", windowSize: 8 };
  const model = { task: "segment" };
  return { key: "k", example: "a.jpg", width: 100, height: 50, stages, setting, model, ...changes };
}

test("hovering previews, what is marked stays, and leaving shows where one looks first", () => {
  const state = { ...beginning(), picture: picture() };
  assert.deepEqual(probeOf(state), homeOf(state.picture));
  assert.deepEqual(probeOf({ ...state, hover: { x: 1, y: 2 } }), { x: 1, y: 2 });
  const place = { x: 7, y: 8 };
  assert.deepEqual(probeOf({ ...state, place, hover: { x: 1, y: 2 } }), place);
  assert.deepEqual(askedOf({ ...state, hover: { x: 1, y: 2 } }), homeOf(state.picture));
  assert.deepEqual(askedOf({ ...state, place, hover: { x: 1, y: 2 } }), place);
});

test("a new picture forgets the mark, another setting of the same one keeps it", () => {
  const place = { x: 7, y: 8 };
  const mask = new Uint8Array(3);
  const state = { ...beginning(), picture: picture(), place, mask };
  const other = { ...state, ...openedWith(state, picture({ key: "l" }), false) };
  assert.equal(other.place, null);
  assert.equal(other.mask, null);
  const again = { ...state, ...openedWith(state, picture({ key: "m" }), true) };
  assert.deepEqual(again.place, place);
});

test("what was painted is forgotten with its region, what belongs to a model's classes with it", () => {
  const region = /** @type {const} */ ("mask");
  const state = { ...beginning(), picture: picture(), region, against: 3, isolated: 4 };
  const other = { ...state, ...openedWith(state, picture(), false) };
  assert.deepEqual([other.region, other.against, other.isolated], ["segment", null, null]);
  const reach = picture({ setting: { ...picture().setting, reach: "window" } });
  const again = { ...state, ...openedWith(state, reach, true) };
  assert.deepEqual([again.region, again.against, again.isolated], ["mask", 3, 4]);
  const model = picture({ setting: { ...picture().setting, model: "xxs" } });
  const anew = { ...state, ...openedWith(state, model, true) };
  assert.deepEqual([anew.region, anew.against, anew.isolated], ["mask", null, null]);
});

test("blocks and heads that the new model lacks fall back to those it has", () => {
  const choices = { 2: { block: 4, head: 1 }, 3: { block: 9, head: 5 }, 4: { block: 1, head: 4 } };
  const patch = openedWith({ ...beginning(), choices }, picture(), false);
  assert.deepEqual(patch.choices?.[2], { block: 3, head: null });
  assert.deepEqual(patch.choices?.[3], { block: 5, head: null });
  assert.deepEqual(patch.choices?.[4], { block: 1, head: 4 });
});

test("a link says all of a view, and reading it gives the same", () => {
  const setting = {
    model: "nano",
    reach: /** @type {const} */ ("window"),
    windowSize: 8,
    shortSide: 384,
  };
  const state = {
    ...beginning(),
    picture: picture(),
    setting,
    place: { x: 3, y: 4 },
    region: /** @type {const} */ ("class"),
    layer: "hide",
    parameters: { hide: { fill: "blur", size: 40 } },
    against: 2,
    compare: {
      kind: /** @type {const} */ ("setting"),
      setting: { ...setting, untrained: true, shortSide: 512 },
    },
  };
  const read = readQuery(queryOf(state));
  assert.equal(read.example, "a.jpg");
  assert.deepEqual(read.setting, setting);
  assert.deepEqual(read.patch.place, state.place);
  assert.equal(read.patch.region, "class");
  assert.equal(read.patch.layer, "hide");
  assert.deepEqual(read.patch.parameters, { hide: { fill: "blur", size: "40" } });
  assert.equal(read.patch.against, 2);
  assert.deepEqual(read.patch.compare, state.compare);
});

test("a link keeps stage, block and head, and random weights", () => {
  const setting = { ...picture().setting, untrained: true };
  const choices = { 4: { block: 2, head: 0 } };
  const state = { ...beginning(), picture: picture(), setting, layer: "rows", stage: 4, choices };
  const read = readQuery(queryOf(state));
  assert.equal(read.setting.untrained, true);
  assert.deepEqual([read.patch.stage, read.patch.choices], [4, choices]);
  const mean = { 4: { block: 2, head: null } };
  assert.deepEqual(readQuery(queryOf({ ...state, choices: mean })).patch.choices, mean);
});

test("a model of one's own stands in no link, on either side", () => {
  const own = { ...picture().setting, model: "own:secret" };
  const state = { ...beginning(), picture: picture(), setting: picture().setting };
  assert.ok(queryOf(state));
  assert.equal(queryOf({ ...state, setting: own }), "");
  assert.equal(queryOf({ ...state, compare: { kind: "setting", setting: own } }), "");
});

test("a picture that nobody else has is never linked to, and nonsense in a link is left out", () => {
  const own = { ...beginning(), picture: picture({ example: null }), setting: picture().setting };
  assert.equal(queryOf(own), "");
  const { patch, setting } = readQuery("?x=-1&y=abc&reach=far&stage=9&region=mask");
  assert.equal(patch.place, undefined);
  assert.equal(patch.stage, undefined);
  assert.equal(patch.region, undefined);
  assert.deepEqual(setting, {});
});

test("listeners are told once what differs, and nothing when nothing does", () => {
  const store = new Store();
  /** @type {string[][]} */
  const told = [];
  store.listen((_, changed) => told.push([...changed]));
  store.set({ place: { x: 1, y: 2 }, opacity: 0.6 });
  store.set({ place: { x: 1, y: 2 } });
  assert.deepEqual(told, [["place"]]);
});

test("where a model prunes tokens the page leads to the kept ones, and back with another model", () => {
  const plain = picture();
  const light = picture({
    stages: plain.stages.map((/** @type {any} */ each) => ({ ...each, pruned: each.stage > 2 })),
  });
  const rows = { ...beginning(), picture: plain, layer: "rows", stage: 4 };
  const there = { ...rows, ...fitting(rows, light) };
  assert.equal(there.layer, "kept");
  assert.deepEqual(there.parameters.kept, { stage: 4, block: null });
  const back = { ...there, ...fitting(there, plain) };
  assert.equal(back.layer, "rows");
  assert.equal(back.stage, 4);
  const local = { ...rows, stage: 2 };
  assert.equal({ ...local, ...fitting(local, light) }.layer, "rows");
  const labels = { ...beginning(), picture: plain };
  assert.equal({ ...labels, ...fitting(labels, light) }.layer, "labels");
  for (const [block, kept] of [
    [7, 7],
    [8, null],
  ]) {
    const chosen = { ...there, parameters: { kept: { stage: 4, block } } };
    assert.equal(fitting(chosen, light).parameters?.kept?.block, kept);
  }
});

test("a picture that is named whole has no certainty of pixels, and is hidden in part only", () => {
  const whole = picture({ model: { task: "classify" } });
  for (const layer of ["confidence", "entropy", "margin"]) {
    const state = { ...beginning(), picture: picture(), layer };
    assert.equal({ ...state, ...fitting(state, whole) }.layer, "labels");
    assert.equal({ ...state, ...fitting(state, picture()) }.layer, layer);
  }
  /** @type {any} */
  const hide = { group: "whatif", regions: ["segment", "pixel", "class", "mask"] };
  assert.deepEqual(regionsOf(whole, hide), ["pixel", "mask"]);
  assert.deepEqual(regionsOf(whole, { ...hide, group: "why" }), ["segment"]);
  assert.deepEqual(regionsOf(picture(), hide), hide.regions);
});
