// How answers are drawn. One colour scale for everything: times even weights, logarithmic, and grey
// in the middle where weights are even.

const LOW = 1 / 16;
const HIGH = 16;
const SPAN = Math.log(HIGH / LOW);
const TICKS = [[LOW, "≤ 1/16×"], [1 / 4, "1/4×"], [1, "1× even"], [4, "4×"], [HIGH, "≥ 16×"]];

let ramp = null; // 256 canvas pixels, from LOW to HIGH
let rampText = null; // the same as CSS colours, with the text colour that is readable on each

function readColors(colors) {
  ramp = Uint32Array.from(colors, (color) => toPixel(color, 255));
  rampText = colors.map((color) => {
    const [r, g, b] = channels(color);
    return [color, 0.299 * r + 0.587 * g + 0.114 * b > 128 ? "#101211" : "#f6f7f3"];
  });
}

const step = (times) => {
  const at = Math.round((255 * Math.log(times / LOW)) / SPAN);
  return at > 255 ? 255 : at > 0 ? at : 0; // 0 for times = 0, whose logarithm is -Infinity
};

function drawHeat(canvas, answer) {
  const { rows, columns } = answer.stage;
  const { top, left, rows: tall, columns: wide, keys } = answer.window;
  if (canvas.width !== columns || canvas.height !== rows) {
    canvas.width = columns;
    canvas.height = rows;
  }
  const image = new ImageData(columns, rows);
  const pixels = new Uint32Array(image.data.buffer);
  for (let row = top; row < top + tall; row++) {
    for (let at = row * columns + left; at < row * columns + left + wide; at++) {
      pixels[at] = ramp[step(answer.weight[at] * keys)];
    }
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Five by five cells at their true place on the picture.
function drawPlace(canvas, answer) {
  const image = new ImageData(5, 5);
  const pixels = new Uint32Array(image.data.buffer);
  for (let at = 0; at < 25; at++) {
    if (answer.inside[at]) pixels[at] = ramp[step(answer.weight[at] * answer.keys)];
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Resets a canvas of cells. Setting a font has the browser compute styles, so not for every move.
function sizeSquare(canvas, side) {
  canvas.width = canvas.height = side;
  const pen = canvas.getContext("2d");
  pen.font = `500 ${Math.round(side * 0.08)}px system-ui, sans-serif`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
}

// Five by five cells magnified, with numbers. `times` are over even weights.
function drawSquare(canvas, times, inside, numbers) {
  const side = canvas.width;
  const pen = canvas.getContext("2d");
  pen.clearRect(0, 0, side, side);
  const cell = side / 5;
  const gap = Math.max(1, devicePixelRatio);
  for (let at = 0; at < 25; at++) {
    if (!inside[at]) continue;
    const [x, y] = [(at % 5) * cell, Math.floor(at / 5) * cell];
    const [color, ink] = rampText[step(times[at])];
    pen.fillStyle = color;
    pen.fillRect(x + gap / 2, y + gap / 2, cell - gap, cell - gap);
    pen.fillStyle = ink;
    pen.fillText(numbers(at), x + cell / 2, y + cell * 0.53);
  }
}

// Puts something that spans tokens of a stage where these lie on the picture.
function place(node, stage, row, column, rows, columns) {
  const width = (100 * stage.token_width) / data.picture_width;
  const height = (100 * stage.token_height) / data.picture_height;
  node.style.left = `${column * width}%`;
  node.style.top = `${row * height}%`;
  node.style.width = `${columns * width}%`;
  node.style.height = `${rows * height}%`;
}

const inPercent = (share) =>
  share === null || Number.isNaN(share) ? "–" : `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;

// Writing the same words again would cost a layout.
function write(target, words) {
  if (target.textContent !== words) target.textContent = words;
}

function node(tag, className, ...content) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...content);
  return made;
}

function showBar(bar, composition, classOf) {
  let from = 0;
  const stops = [];
  for (const [index, share] of composition) {
    const to = from + 100 * share;
    stops.push(`${classOf.get(index).color} ${from}% ${to}%`);
    from = to;
  }
  stops.push(`transparent ${from}%`); // padding
  bar.style.background = `linear-gradient(90deg, ${stops.join(",")})`;
}
