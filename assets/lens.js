// The lens: choosers, readouts, probe. The last part of its script, see analysis/report/scripts.py.
// Gradio provides `element`, `props`, `trigger` and `watch`. Only a click (exact values) and the
// choice of a block that was not sent yet ask the server.

const part = (name, within = element) => within.querySelector(`[data-part="${name}"]`);
const root = part("lens");
const main = part("main");
const panels = Object.fromEntries(
  [...element.querySelectorAll("[data-stage]")].map((panel) => [panel.dataset.stage, panel]),
);
const words = props.text;

let data = null; // the payload, read
let probe = null; // [x, y] in pixels of the picture
let choice = {}; // stage -> { block, head }
let exact = null; // exact values of the probe, or null

async function show(payload) {
  if (!payload || payload.key === data?.key) return;
  const read = await readPayload(payload);
  if (payload.key !== props.value?.key) return; // a newer one came
  const before = data;
  data = read;
  readColors(data.colors);
  const samePicture =
    before?.title === data.title &&
    before.picture_width === data.picture_width &&
    before.picture_height === data.picture_height;
  for (const image of element.querySelectorAll("[data-picture]")) image.src = data.picture;
  element.querySelector("[data-picture]").alt = data.alt;
  part("notice").textContent = data.notice;
  part("notice").hidden = !data.notice;
  root.style.setProperty("--ratio", data.picture_width / data.picture_height);
  exact = null;
  fillChoosers();
  if (!samePicture) {
    pins = [];
    probe = [Math.floor(data.picture_width * 0.42), Math.floor(data.picture_height * 0.46)];
    setZoom(1, 0, 0);
  }
  drawScale();
  update();
  if (data.pixel) move(...data.pixel);
  element.dataset.shown = data.key;
}

// ---- choosers

function option(value, label) {
  const made = document.createElement("option");
  made.value = value;
  made.textContent = label;
  return made;
}

function fillChoosers() {
  for (const stage of Object.values(data.stages)) {
    const last = stage.windows.length - 1;
    const held = choice[stage.stage] ?? { block: last, head: null };
    const head = held.head !== null && held.head < stage.heads ? held.head : null;
    choice[stage.stage] = { block: Math.min(held.block, last), head };
    const panel = panels[stage.stage];
    const [blocks, heads] = ["block", "head"].map((name) => panel.querySelector(`[data-choose="${name}"]`));
    blocks.replaceChildren(
      ...stage.windows.map((size, block) => {
        const place = block === last ? ` · ${words.last}` : block === 0 ? ` · ${words.first}` : "";
        return option(block, `${block}${place}`);
      }),
    );
    blocks.value = choice[stage.stage].block;
    if (!heads) continue;
    const numbers = Array.from({ length: stage.heads }, (_, number) => option(number, number));
    heads.replaceChildren(option("mean", words.mean), ...numbers);
    heads.value = head ?? "mean";
  }
}

element.addEventListener("change", (event) => {
  const name = event.target.dataset.choose;
  if (!name || !data) return;
  const stage = Number(event.target.closest("[data-stage]").dataset.stage);
  const value = event.target.value;
  choice[stage] = { ...choice[stage], [name]: value === "mean" ? null : Number(value) };
  exact = null;
  const { block, head } = choice[stage];
  const held = data.pieces.has(pieceName(stage, block, head));
  trigger("choose", { stage, block, head, held });
  update();
});

async function addPiece(sent) {
  if (!sent || sent.key !== data?.key) return;
  data.pieces.set(pieceName(sent.stage, sent.block, sent.head), await readPiece(sent));
  update();
}

// ---- answers

function answer(number, [x, y], values) {
  const stage = data.stages[number];
  const { block, head } = choice[number];
  const piece = data.pieces.get(pieceName(number, block, head));
  if (!piece) return null;
  const token = tokenAt(stage, x, y);
  return (LOCAL.includes(number) ? answerLocal : answerGlobal)(stage, piece, token, values);
}

function update() {
  if (!data) return;
  const [x, y] = probe;
  putMark(part("cross"), probe);
  const { name, color, percent } = classAt(data, probe);
  part("swatch").style.background = color;
  write(part("name"), name);
  write(part("percent"), percent);
  write(part("at"), `${words.pixel} ${x}, ${y}`);
  for (const number of [...LOCAL, ...GLOBAL]) {
    const given = answer(number, probe, exact?.stages[number]);
    panels[number].classList.toggle("is-waiting", !given);
    if (given) (LOCAL.includes(number) ? showLocal : showGlobal)(panels[number], given);
  }
  write(part("badge"), exact ? words.exact : words.quick);
  part("badge").title = exact ? words.exact_hint : words.quick_hint;
  part("badge").classList.toggle("is-exact", Boolean(exact));
  element.dataset.exact = exact ? `${x},${y}` : "";
  if (pins.length) showPins();
  speakSoon();
}

const digits = (number, decimals, sure) =>
  number === null || Number.isNaN(number) ? "–" : number.toFixed(sure ? decimals + 3 : decimals);

const valueOf = (panel, name) => panel.querySelector(`[data-value="${name}"]`);

function showNumbers(panel, given) {
  const put = (name, value) => write(valueOf(panel, name), value);
  put("distance", `${digits(given.distance, 0, given.exact)} px`);
  put("ratio", given.uniform ? `${(given.distance / given.uniform).toFixed(2)}× ${words.even}` : "");
  put("entropy", digits(given.entropy, 2, given.exact));
  showBar(part("bar", panel), given.composition, data.classOf);
}

const describe = ([index, share]) => `${inPercent(share)} ${data.classOf.get(index).name}`;
const falling = (given, count) => given.composition.filter(([, share]) => share >= 0.005).slice(0, count);

const ALL = Array(25).fill(true);
const drawn = new Map(); // canvas -> the kernel on it

function showLocal(panel, given) {
  showNumbers(panel, given);
  const { stage } = given;
  write(valueOf(panel, "composition"), falling(given, 3).map(describe).join(" · "));
  const times = given.weight.map((weight) => weight * given.keys);
  drawSquare(part("contribution", panel), times, given.inside, (at) => (100 * given.weight[at]).toFixed(given.weight[at] < 0.0995 ? 1 : 0));
  const kernel = part("kernel", panel);
  if (drawn.get(kernel) !== given.kernel) {
    drawn.set(kernel, given.kernel);
    drawSquare(kernel, given.kernel, ALL, (at) => given.kernel[at].toFixed(1));
  }
  const cells = element.querySelector(`[data-place="${stage.stage}"]`);
  drawPlace(cells, given);
  place(cells, stage, given.token[0] - 2, given.token[1] - 2, 5, 5);
}

function showGlobal(panel, given) {
  showNumbers(panel, given);
  const { stage, window, token } = given;
  write(valueOf(panel, "near"), inPercent(given.near));
  part("whose", panel).hidden = choice[stage.stage].head !== null;
  part("padding", panel).hidden = window.keys === window.rows * window.columns;
  write(valueOf(panel, "padding"), inPercent(given.padding));
  valueOf(panel, "composition").replaceChildren(
    ...falling(given, 4).map(([index, share]) => {
      const swatch = node("i", "swatch");
      swatch.style.background = data.classOf.get(index).color;
      return node("li", "", swatch, node("span", "", data.classOf.get(index).name), node("b", "", inPercent(share)));
    }),
  );
  const heat = part("heat", panel);
  drawHeat(heat, given);
  place(heat, stage, 0, 0, stage.rows, stage.columns);
  place(part("window", panel), stage, window.top, window.left, window.rows, window.columns);
  part("window", panel).hidden = window.rows === stage.rows && window.columns === stage.columns;
  place(part("query", panel), stage, ...token, 1, 1);
}

function drawScale() {
  const steps = data.colors.filter((_, at) => at % 15 === 0);
  part("ramp").style.background = `linear-gradient(90deg, ${steps.join(",")})`;
  part("ticks").replaceChildren(
    ...TICKS.map(([times, label]) => {
      const tick = node("span", "", label);
      tick.style.left = `${(100 * Math.log(times / LOW)) / SPAN}%`;
      return tick;
    }),
  );
}

let speaking = 0;
function speakSoon() {
  clearTimeout(speaking);
  speaking = setTimeout(() => {
    if (document.activeElement !== main) return;
    const { name, percent } = classAt(data, probe);
    const far = GLOBAL.map((number) => answer(number, probe, exact?.stages[number]))
      .filter(Boolean)
      .map((given) => `${words.stage_short} ${given.stage.stage}: ${words.distance} ${Math.round(given.distance)} px, ${falling(given, 2).map(describe).join(", ")}.`);
    part("live").textContent = `${words.pixel} ${probe.join(", ")}: ${name}, ${percent}. ${far.join(" ")}`;
  }, 500);
}

// ---- probe

function move(x, y) {
  x = Math.min(data.picture_width - 1, Math.max(0, Math.floor(x)));
  y = Math.min(data.picture_height - 1, Math.max(0, Math.floor(y)));
  if (probe[0] === x && probe[1] === y) return;
  probe = [x, y];
  exact = null;
  update();
}

// Where a tour or a link wants the probe, once the picture it speaks of is here.
function goTo() {
  if (data && props.go?.key === data.key) move(...props.go.pixel);
}

function pixelAt(frame, event) {
  const box = frame.getBoundingClientRect();
  const u = ((event.clientX - box.left) / box.width - zoom.x) / zoom.scale;
  const v = ((event.clientY - box.top) / box.height - zoom.y) / zoom.scale;
  return [u * data.picture_width, v * data.picture_height];
}

function askExact() {
  const choices = Object.fromEntries(
    Object.entries(choice).map(([stage, { block, head }]) => [stage, [block, head]]),
  );
  trigger("probe", { x: probe[0], y: probe[1], choices });
}

function takeExact(values) {
  if (!values || values.key !== data?.key || values.x !== probe[0] || values.y !== probe[1]) return;
  exact = values;
  update();
}

const pointers = new Map(); // id -> last event, while pressed
let dragged = 0; // pixels moved while pressed

for (const frame of element.querySelectorAll(".frame")) {
  const fraction = (event) => {
    const box = frame.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  frame.addEventListener("pointerdown", (event) => {
    if (!data) return;
    if (!pointers.size) dragged = 0;
    pointers.set(event.pointerId, event);
    if (event.pointerType !== "mouse" && pointers.size === 1) move(...pixelAt(frame, event));
    if (frame === main) frame.setPointerCapture(event.pointerId);
  });

  frame.addEventListener("pointermove", (event) => {
    if (!data) return;
    const last = pointers.get(event.pointerId);
    if (!last) return void (event.pointerType === "mouse" && move(...pixelAt(frame, event)));
    const [u, v] = fraction(event);
    const [lastU, lastV] = fraction(last);
    dragged += Math.hypot(event.clientX - last.clientX, event.clientY - last.clientY);
    if (pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      setZoom(zoom.scale, zoom.x + (u - lastU) / 2, zoom.y + (v - lastV) / 2);
      const [otherU, otherV] = fraction(other);
      zoomAt(apart(event) / Math.max(1, apart(last)), (u + otherU) / 2, (v + otherV) / 2);
    } else if (event.pointerType === "mouse" && zoom.scale > 1) {
      setZoom(zoom.scale, zoom.x + u - lastU, zoom.y + v - lastV);
    } else {
      move(...pixelAt(frame, event));
    }
    pointers.set(event.pointerId, event);
  });

  for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
    frame.addEventListener(end, (event) => pointers.delete(event.pointerId));
  }
  frame.addEventListener("pointerleave", (event) => frame !== main && pointers.delete(event.pointerId));

  frame.addEventListener("click", (event) => {
    if (!data || dragged > 5) return;
    move(...pixelAt(frame, event));
    askExact();
  });

  frame.addEventListener("dblclick", () => data && setZoom(1, 0, 0));

  // Over the picture the wheel zooms as long as there is something to zoom; over the maps, which
  // lie in the way of scrolling, only with Ctrl, as pinching a touch pad sends it.
  frame.addEventListener(
    "wheel",
    (event) => {
      if (!data || (frame !== main && !event.ctrlKey)) return;
      if (zoomAt(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0022)), ...fraction(event))) event.preventDefault();
    },
    { passive: false },
  );
}

const TOOLS = {
  in: () => zoomAtProbe(1.6),
  out: () => zoomAtProbe(1 / 1.6),
  reset: () => setZoom(1, 0, 0),
  pin: () => pin(),
};
const KEYS = { "+": "in", "=": "in", "-": "out", 0: "reset", Escape: "reset", p: "pin", P: "pin" };

main.addEventListener("keydown", (event) => {
  if (!data || event.ctrlKey || event.metaKey || event.altKey) return;
  const steps = STEPS[event.key];
  if (steps) {
    const stage = data.stages[event.shiftKey ? 3 : 1];
    const [wide, tall] = [stage.token_width, stage.token_height].map((side) => Math.max(1, side));
    move(Math.round(probe[0] + steps[0] * wide), Math.round(probe[1] + steps[1] * tall));
    keepProbeInSight();
  } else if (event.key === "Enter" || event.key === " ") askExact();
  else if (event.key in KEYS) TOOLS[KEYS[event.key]]();
  else return;
  event.preventDefault();
});

element.addEventListener("click", (event) => {
  const tool = event.target.closest("[data-tool]")?.dataset.tool;
  if (tool && data) TOOLS[tool]();
  const unpin = event.target.closest("[data-unpin]")?.dataset.unpin;
  if (unpin !== undefined) {
    pins.splice(Number(unpin), 1);
    showPins();
  }
});

// Sizes are read here and not while drawing, where that would cost a layout for every move.
const squares = new ResizeObserver((entries) => {
  for (const { target, contentRect } of entries) {
    sizeSquare(target, Math.round(contentRect.width * devicePixelRatio));
  }
  drawn.clear();
  update();
});
for (const canvas of element.querySelectorAll(".squares canvas")) squares.observe(canvas);
watch("value", () => show(props.value));
watch("piece", () => addPiece(props.piece));
watch("exact", () => takeExact(props.exact));
watch("go", goTo);
show(props.value);
