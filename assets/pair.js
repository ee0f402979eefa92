// Two results of one picture under one probe and one zoom. The last part of its script, see
// analysis/report/scripts.py. `props.value` holds two payloads of the lens. Moving the probe sends
// nothing; a click tells the page which pixel it is.

const part = (name, within = element) => within.querySelector(`[data-part="${name}"]`);
const root = part("pair");
const words = props.text;
const sides = [...element.querySelectorAll("[data-side]")];

let pair = null; // two payloads, read
let data = null; // the first: both have the same picture
let probe = null; // [x, y] in pixels of the picture
let showing = "labels"; // or "differences", or a stage

async function show(sent) {
  root.hidden = !sent;
  if (!sent) return void (pair = data = null);
  const read = await Promise.all(sent.results.map(readPayload));
  if (sent.key !== props.value?.key) return; // a newer one came
  pair = read;
  [data] = pair;
  readColors(data.colors);
  root.style.setProperty("--ratio", data.picture_width / data.picture_height);
  sides.forEach((side, at) => {
    write(part("title", side), sent.titles[at]);
    part("picture", side).src = data.picture;
    part("picture", side).alt = data.alt;
  });
  setZoom(1, 0, 0);
  probe = null;
  paint();
  move(...sent.pixel);
  element.dataset.shown = sent.key;
}

// ---- labels

// The labels of a side; where only differences are shown, what both agree on is dark.
function paint() {
  const dark = toPixel("#161816", 255);
  const labels = pair.map(labelsShown);
  const nameAt = (number, at) => pair[number].classOf.get(labels[number][at]).name;
  sides.forEach((side, number) => {
    const result = pair[number];
    const canvas = part("labels", side);
    [canvas.width, canvas.height] = [result.width, result.height];
    const colors = new Map([...result.classOf].map(([index, { color }]) => [index, toPixel(color, 255)]));
    const image = new ImageData(result.width, result.height);
    const pixels = new Uint32Array(image.data.buffer);
    for (let at = 0; at < pixels.length; at++) {
      const same = showing === "differences" && nameAt(0, at) === nameAt(1, at);
      pixels[at] = same ? dark : colors.get(labels[number][at]);
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  });
}

// ---- the probe

function move(x, y) {
  x = Math.min(data.picture_width - 1, Math.max(0, Math.floor(x)));
  y = Math.min(data.picture_height - 1, Math.max(0, Math.floor(y)));
  if (probe?.[0] === x && probe[1] === y) return;
  probe = [x, y];
  update();
}

// The mean over heads of the last block of a stage; nothing if it was too large to be sent.
function rowOf(result, number) {
  const stage = result.stages[number];
  const piece = result.pieces.get(pieceName(number, stage.windows.length - 1, null));
  return piece && answerGlobal(stage, piece, tokenAt(stage, ...probe), null);
}

function update() {
  if (!pair) return;
  putMark(root, probe);
  const [x, y] = probe;
  const found = pair.map((result) => classAt(result, probe));
  sides.forEach((side, number) => {
    const result = pair[number];
    part("swatch", side).style.background = found[number].color;
    write(part("name", side), found[number].name);
    write(part("percent", side), found[number].percent);
    for (const stage of GLOBAL) fillRow(side.querySelector(`[data-stage="${stage}"]`), rowOf(result, stage));
    drawRow(side, GLOBAL.includes(Number(showing)) ? rowOf(result, Number(showing)) : null);
  });
  const agree = found[0].name === found[1].name;
  root.dataset.agree = agree;
  write(part("verdict"), agree ? words.agree : words.differ);
  write(part("at"), `${words.pixel} ${x}, ${y}`);
}

function fillRow(row, given) {
  const cells = row.querySelectorAll("td");
  const values = given ? [`${given.distance.toFixed(0)} px`, given.entropy.toFixed(2), inPercent(given.near)] : ["–", "–", "–"];
  values.forEach((value, at) => write(cells[at], value));
}

function drawRow(side, given) {
  const [heat, frame] = [part("heat", side), part("window", side)];
  heat.hidden = frame.hidden = !given;
  part("labels", side).hidden = GLOBAL.includes(Number(showing));
  if (!given) return;
  const { stage, window } = given;
  drawHeat(heat, given);
  place(heat, stage, 0, 0, stage.rows, stage.columns);
  place(frame, stage, window.top, window.left, window.rows, window.columns);
}

// ---- what a visitor does

for (const frame of element.querySelectorAll(".frame")) {
  const pixelAt = (event) => {
    const box = frame.getBoundingClientRect();
    const u = ((event.clientX - box.left) / box.width - zoom.x) / zoom.scale;
    const v = ((event.clientY - box.top) / box.height - zoom.y) / zoom.scale;
    return [u * data.picture_width, v * data.picture_height];
  };
  for (const name of ["pointermove", "pointerdown"]) {
    frame.addEventListener(name, (event) => pair && move(...pixelAt(event)));
  }
  frame.addEventListener("click", () => pair && trigger("probe", { x: probe[0], y: probe[1] }));
  frame.addEventListener("keydown", (event) => pair && press(event));
}

const TOOLS = {
  in: () => zoomAtProbe(1.6),
  out: () => zoomAtProbe(1 / 1.6),
  reset: () => setZoom(1, 0, 0),
};
const KEYS = { "+": "in", "=": "in", "-": "out", 0: "reset" };

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = STEPS[event.key];
  if (steps) {
    const { token_width, token_height } = data.stages[event.shiftKey ? 3 : 1];
    move(probe[0] + steps[0] * Math.max(1, Math.round(token_width)), probe[1] + steps[1] * Math.max(1, Math.round(token_height)));
    keepProbeInSight();
  } else if (event.key === "Enter") trigger("probe", { x: probe[0], y: probe[1] });
  else if (event.key in KEYS) TOOLS[KEYS[event.key]]();
  else return;
  event.preventDefault();
}

element.addEventListener("click", (event) => {
  const tool = event.target.closest("[data-tool]")?.dataset.tool;
  if (tool && pair) TOOLS[tool]();
});

element.addEventListener("change", (event) => {
  if (event.target.name !== "pair-show") return;
  showing = event.target.value;
  if (!pair) return;
  paint();
  update();
});

watch("value", () => show(props.value));
show(props.value);
