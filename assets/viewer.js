// The picture under its labels. Everything is drawn from one payload
// (ui/service/payloads.py): moving the probe, sliding, choosing a map and isolating a class
// send no request.
// Gradio provides `element`, `props`, `trigger` and `watch`.

const part = (name) => element.querySelector(`[data-part="${name}"]`);
const stage = part("stage");
const canvas = part("paint");
const pen = canvas.getContext("2d");
const slider = part("opacity");

const VEIL = [16, 18, 17, 200]; // covers what is not isolated
const LINE = [255, 255, 255]; // between neighbouring classes

let view = null; // the payload with `labels` and `maps` decoded and `byIndex` added
let showing = "labels"; // or the name of a map
const opacities = { labels: 60, confidence: 90, entropy: 90, margin: 90 }; // percent
let isolated = null; // class index, or null
let probe = null; // pixel [x, y] of the picture as sent, or null

// 1 where a pixel's class differs from that of its right or lower neighbour; with a class `alone`,
// only along the outline of that class.
function findBorders({ labels, width, height }, alone) {
  const differ = (a, b) => a !== b && (alone === null || a === alone || b === alone);
  const borders = new Uint8Array(labels.length);
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      const right = x + 1 < width && differ(labels[i], labels[i + 1]);
      const below = y + 1 < height && differ(labels[i], labels[i + width]);
      if (right || below) borders[i] = 1;
    }
  }
  return borders;
}

async function show(payload) {
  if (!payload) return;
  const names = Object.keys(payload.maps);
  const [labels, ...maps] = await Promise.all(
    [payload.labels, ...names.map((name) => payload.maps[name])].map(unpack),
  );
  if (payload !== props.value && payload.key !== props.value.key) return; // a newer one came
  const samePicture = view?.title === payload.title;
  view = { ...payload, labels, maps: Object.fromEntries(names.map((name, at) => [name, maps[at]])) };
  view.byIndex = new Map(payload.rows.map((row) => [row.index, row]));
  canvas.width = view.width;
  canvas.height = view.height;
  stage.style.setProperty("--ratio", view.width / view.height);
  part("picture").src = view.picture;
  part("picture").alt = view.alt;
  part("title").textContent = view.title;
  part("facts").textContent = view.facts;
  part("credit").textContent = view.credit && `${props.text.credit} ${view.credit}`;
  part("notice").textContent = view.notice;
  part("notice").hidden = !view.notice;
  hideTip();
  listClasses();
  isolate(samePicture && view.byIndex.has(isolated) ? isolated : null);
  element.dataset.shown = view.key;
}

// ---- drawing

const colorOf = (row) => (part("safe").checked ? row.safe_color : row.color);

function paint() {
  const alpha = Math.round((255 * slider.value) / 100);
  const values = view.maps[showing]; // none for the labels
  const ramp = Uint32Array.from(view.colors, (color) => toPixel(color, alpha));
  const classes = new Uint32Array(256).fill(packPixel(...VEIL));
  const seen = new Uint8Array(256); // 1 for classes that are not under the veil
  for (const row of view.rows) {
    if (isolated !== null && row.index !== isolated) continue;
    classes[row.index] = toPixel(colorOf(row), alpha);
    seen[row.index] = 1;
  }
  const line = packPixel(...LINE, Math.round(255 * Math.min(1, (1.3 * slider.value) / 100)));
  const image = pen.createImageData(view.width, view.height);
  const pixels = new Uint32Array(image.data.buffer);
  const { labels, borders } = view;
  const lined = !values || isolated !== null;
  for (let i = 0; i < pixels.length; i++) {
    if (lined && borders[i]) pixels[i] = line;
    else pixels[i] = values && seen[labels[i]] ? ramp[values[i]] : classes[labels[i]];
  }
  pen.putImageData(image, 0, 0);
}

let painting = 0;
function paintSoon() {
  cancelAnimationFrame(painting);
  painting = requestAnimationFrame(paint);
}

// ---- legend

const inPercent = (share) => (share < 0.0005 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

function node(tag, className, content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(content);
  return made;
}

function listClasses() {
  part("rows").replaceChildren(
    ...view.rows.map((row) => {
      const button = node("button", "class-row", "");
      button.type = "button";
      button.dataset.index = row.index;
      button.style.setProperty("--color", colorOf(row));
      button.style.setProperty("--share", row.share);
      const confidence = `${Math.round(100 * row.mean_confidence)} %`;
      button.append(
        node("i", "swatch", ""),
        node("span", "name", row.name),
        node("span", "share", inPercent(row.share)),
        node("span", "detail", `${props.text.class_number} ${row.index} · ${colorOf(row)}`),
        node("span", "sure", `${confidence} ${props.text.sure}`),
        node("span", "bar", ""),
      );
      return node("li", "", button);
    }),
  );
}

function isolate(index) {
  isolated = index;
  view.borders = findBorders(view, index);
  for (const row of part("rows").querySelectorAll("button")) {
    row.setAttribute("aria-pressed", Number(row.dataset.index) === index);
  }
  part("all").hidden = index === null;
  paint();
}

part("rows").addEventListener("click", (event) => {
  const row = event.target.closest("button");
  if (row) isolate(row.getAttribute("aria-pressed") === "true" ? null : Number(row.dataset.index));
});
part("all").addEventListener("click", () => isolate(null));

// ---- probe

function hideTip() {
  probe = null;
  part("tip").hidden = part("probe").hidden = true;
  for (const row of element.querySelectorAll(".class-row.under")) row.classList.remove("under");
}

function point(x, y) {
  if (!view) return;
  x = Math.min(view.width - 1, Math.max(0, x));
  y = Math.min(view.height - 1, Math.max(0, y));
  probe = [x, y];
  const at = y * view.width + x;
  const row = view.byIndex.get(view.labels[at]);
  const kind = showing === "labels" ? "confidence" : showing;
  const value = `${view.maps[kind][at]} %`;
  part("tip-swatch").style.background = colorOf(row);
  part("tip-name").textContent = row.name;
  part("tip-percent").textContent =
    showing === "labels" ? value : `${props.text[`show_${showing}`]} ${value}`;
  part("tip").hidden = part("probe").hidden = false;
  const left = (x + 0.5) / view.width;
  const top = (y + 0.5) / view.height;
  for (const name of ["tip", "probe"]) {
    part(name).style.left = `${100 * left}%`;
    part(name).style.top = `${100 * top}%`;
  }
  part("tip").classList.toggle("to-left", left > 0.6);
  part("tip").classList.toggle("below", top < 0.15);
  for (const button of part("rows").querySelectorAll("button")) {
    button.classList.toggle("under", Number(button.dataset.index) === row.index);
  }
}

function pointAt(event) {
  if (!view) return;
  const box = stage.getBoundingClientRect();
  point(
    Math.floor(((event.clientX - box.left) / box.width) * view.width),
    Math.floor(((event.clientY - box.top) / box.height) * view.height),
  );
}

stage.addEventListener("pointermove", pointAt);
stage.addEventListener("pointerdown", pointAt);
stage.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && hideTip());
stage.addEventListener("blur", hideTip);
stage.addEventListener("keydown", (event) => {
  if (event.key === "Escape") hideTip();
  if (!view || !(event.key in STEPS)) return;
  event.preventDefault();
  const [right, down] = STEPS[event.key];
  const stride = event.shiftKey ? 10 : 1;
  const [x, y] = probe ?? [view.width >> 1, view.height >> 1];
  point(x + stride * right, y + stride * down);
});

// ---- controls

slider.addEventListener("input", () => {
  opacities[showing] = Number(slider.value);
  part("opacity-value").textContent = `${slider.value} %`;
  if (view) paintSoon();
});

function choose(kind) {
  showing = kind;
  for (const radio of part("shows").querySelectorAll("input")) radio.checked = radio.value === kind;
  part("says").textContent = props.text[`says_${kind}`];
  part("ramp").hidden = kind === "labels";
  if (view) part("ramp-colors").style.background = `linear-gradient(90deg, ${view.colors})`;
  slider.value = opacities[kind];
  part("opacity-value").textContent = `${slider.value} %`;
  hideTip();
  if (view) paintSoon();
}

part("shows").addEventListener("change", (event) => choose(event.target.value));

// Left of the line the picture is bare: before; right of it lies what is painted: after.
part("divide").addEventListener("input", (event) => {
  const share = `${event.target.value}%`;
  canvas.style.clipPath = `inset(0 0 0 ${share})`;
  part("divider").style.left = share;
  part("divider").hidden = event.target.value === "0";
});

part("safe").addEventListener("change", () => {
  if (!view) return;
  listClasses();
  isolate(isolated);
});

element.addEventListener("click", (event) => {
  const kind = event.target.closest("[data-kind]")?.dataset.kind;
  if (kind) trigger("take_away", { kind, opacity: opacities.labels / 100 });
});

choose("labels");
watch("value", () => show(props.value));
show(props.value);
