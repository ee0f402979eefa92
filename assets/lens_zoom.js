// Zoom and pan, the same in all frames: the picture's corner is at x, y of the frame, in frames.

const MAX_ZOOM = 16;

let zoom = { scale: 1, x: 0, y: 0 };

function setZoom(scale, x, y) {
  scale = Math.min(MAX_ZOOM, Math.max(1, scale));
  const within = (corner) => Math.min(0, Math.max(1 - scale, corner));
  const changed = scale !== zoom.scale;
  zoom = { scale, x: within(x), y: within(y) };
  for (const [name, value] of [["--k", scale], ["--x", zoom.x], ["--y", zoom.y]]) {
    root.style.setProperty(name, value);
  }
  part("zoom").textContent = `${scale < 9.95 && scale % 1 ? scale.toFixed(1) : Math.round(scale)}×`;
  element.querySelector('[data-tool="reset"]').disabled = scale === 1;
  element.classList.toggle("is-zoomed", scale > 1);
  return changed;
}

// Keeps the point at (u, v) of the frame where it is.
function zoomAt(factor, u, v) {
  const scale = Math.min(MAX_ZOOM, Math.max(1, zoom.scale * factor));
  const grown = scale / zoom.scale;
  return setZoom(scale, u - (u - zoom.x) * grown, v - (v - zoom.y) * grown);
}

function zoomAtProbe(factor) {
  const u = zoom.x + (zoom.scale * (probe[0] + 0.5)) / data.picture_width;
  const v = zoom.y + (zoom.scale * (probe[1] + 0.5)) / data.picture_height;
  zoomAt(factor, Math.min(1, Math.max(0, u)), Math.min(1, Math.max(0, v)));
}

function keepProbeInSight() {
  const u = (zoom.scale * (probe[0] + 0.5)) / data.picture_width;
  const v = (zoom.scale * (probe[1] + 0.5)) / data.picture_height;
  const into = (corner, at) => Math.min(Math.max(corner, 0.08 - at), 0.92 - at);
  setZoom(zoom.scale, into(zoom.x, u), into(zoom.y, v));
}

// Puts a mark of constant size over pixel (x, y), whatever the zoom.
function putMark(mark, [x, y]) {
  mark.style.setProperty("--u", (x + 0.5) / data.picture_width);
  mark.style.setProperty("--v", (y + 0.5) / data.picture_height);
}
