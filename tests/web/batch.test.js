import assert from "node:assert/strict";
import { test } from "node:test";
import { tableOf } from "../../assets/web/batch.js";

const known = /** @type {any} */ ({
  width: 30,
  height: 20,
  model: { title: "UniFormer nano, Semantic FPN" },
  setting: { model: "nano", reach: "window", windowSize: 7 },
  classes: [
    { name: "sky", share: 1 / 3 },
    { name: 'a "wall", painted', share: 0 },
  ],
});

test("a table has a row per photo, quoted where it must be, and says why one has no shares", () => {
  const items = [
    { file: new File([], "broken.jpg"), known: null, problem: "It is damaged, sorry." },
    { file: new File([], 'b,"1".png'), known, problem: "" },
  ];
  assert.equal(
    tableOf(items),
    'file,width,height,model,reach,window,problem,share of sky,"share of a ""wall"", painted"\r\n' +
      'broken.jpg,,,,,,"It is damaged, sorry.",,\r\n' +
      '"b,""1"".png",30,20,"UniFormer nano, Semantic FPN",window,7,,0.333333,0\r\n',
  );
});

test("of a model that names a picture as a whole a table has that class and its probability", () => {
  const whole = {
    ...known,
    model: { title: "UniFormer-S", task: "classify" },
    classes: [
      { name: "tench", share: 0, meanConfidence: 0 },
      { name: "cup, mug", share: 1, meanConfidence: 2 / 3 },
    ],
  };
  const [head, row] = tableOf([{ file: new File([], "a.png"), known: whole, problem: "" }]).split(
    "\r\n",
  );
  assert.equal(head, "file,width,height,model,reach,window,problem,class,probability");
  assert.equal(row, 'a.png,30,20,UniFormer-S,window,7,,"cup, mug",0.666667');
});
