// Pinned probes and the table that compares them with the probe and with each other.

const MAX_PINS = 6;

let pins = []; // [[x, y]] in pixels of the picture

function pin() {
  if (pins.some(([x, y]) => x === probe[0] && y === probe[1])) return;
  pins = [...pins, probe].slice(-MAX_PINS);
  showPins();
}

const letter = (at) => String.fromCharCode(65 + at);

function pinRow(at, mark, remove) {
  const { name, color } = classAt(data, at);
  const swatch = node("i", "swatch");
  swatch.style.background = color;
  const head = node("th", "", node("b", "mark", mark), swatch, ` ${name} `);
  head.scope = "row";
  if (remove !== null) {
    const button = node("button", "unpin", "×");
    button.type = "button";
    button.dataset.unpin = remove;
    button.setAttribute("aria-label", `${words.unpin} ${mark}`);
    head.append(button);
  }
  const cells = [...LOCAL, ...GLOBAL].map((number) => {
    const given = answer(number, at, null);
    if (!given) return node("td", "", "–");
    const canvas = node("canvas", "");
    if (GLOBAL.includes(number)) drawHeat(canvas, given);
    else [canvas.width, canvas.height] = [5, 5], drawPlace(canvas, given);
    const near = GLOBAL.includes(number) ? ` · ${inPercent(given.near)}` : "";
    return node(
      "td",
      GLOBAL.includes(number) ? "wide" : "",
      node(
        "div",
        "mini",
        canvas,
        node("span", "", `${Math.round(given.distance)} px · ${digits(given.entropy, 2)}${near}`),
        node("span", "soft", falling(given, 2).map(describe).join(" · ")),
      ),
    );
  });
  return node("tr", "", head, ...cells);
}

function showPins() {
  part("pins").hidden = !pins.length;
  part("marks").replaceChildren(
    ...pins.map((at, number) => {
      const mark = node("b", "mark", letter(number));
      putMark(mark, at);
      return mark;
    }),
  );
  if (!pins.length) return;
  const titles = [...LOCAL, ...GLOBAL].map((number) => {
    const { block, head } = choice[number];
    const which = head === null ? "" : ` · ${words.head.toLowerCase()} ${head}`;
    return node("th", "", `${words.stage_short} ${number} `, node("small", "", `${words.block.toLowerCase()} ${block}${which}`));
  });
  part("pin-head").replaceChildren(node("th", ""), ...titles);
  part("pin-rows").replaceChildren(
    ...pins.map((at, number) => pinRow(at, letter(number), number)),
    pinRow(probe, words.here, null),
  );
}
