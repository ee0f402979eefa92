// @ts-check
/**
 * Mouse, touch and keys on the picture: hovering previews, a click locks, Escape frees; wheel and
 * pinch zoom, dragging moves a picture that is zoomed; the brush paints.
 */

import { bounded, clamped, fit } from "./geometry.js";
import { pinHere } from "./pin_table.js";
import { pinUnder } from "./pins.js";
import { probeOf } from "./selection.js";

/** @typedef {import("./view.js").View} View */

/** Pixels of the screen up to which a press is a click and not a drag. */
const STILL = 5;
const STEPS = /** @type {Record<string, [number, number]>} */ ({
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
});

/** @param {View} view */
export function pointing(view) {
  const { bench, stage } = view;
  /** @type {Map<number, PointerEvent>} */
  const pressed = new Map();
  let moved = 0;
  let dividing = false;

  stage.addEventListener("pointerdown", (event) => {
    const { picture, region } = bench.state;
    if (!picture || event.button !== 0) return;
    dividing = view.divider.contains(/** @type {Node} */ (event.target));
    if (!pressed.size) moved = 0;
    pressed.set(event.pointerId, event);
    stage.setPointerCapture(event.pointerId);
    const { pixel, inside } = view.under(event);
    if (!dividing && region === "mask" && inside && pixel && pressed.size === 1)
      view.brush.begin(pixel);
    if (pressed.size === 2) view.brush.cancel();
  });

  stage.addEventListener("pointermove", (event) => {
    const { picture, zoom, region } = bench.state;
    if (!picture) return;
    const last = pressed.get(event.pointerId);
    if (!last) {
      if (event.pointerType === "mouse" || event.pointerType === "pen") hover(event);
      return;
    }
    const step = { x: event.clientX - last.clientX, y: event.clientY - last.clientY };
    moved += Math.hypot(step.x, step.y);
    if (dividing) {
      const box = stage.getBoundingClientRect();
      const divider = (event.clientX - box.left) / box.width;
      bench.set({ divider: Math.min(0.98, Math.max(0.02, divider)) });
    } else if (pressed.size === 2) {
      const other = [...pressed.values()].find((each) => each.pointerId !== event.pointerId);
      if (other) pinch(event, last, other);
    } else if (region === "mask") {
      const { pixel } = view.under(event);
      if (pixel) view.brush.go(pixel);
      hover(event);
    } else if (moved > STILL && zoom.scale > 1) {
      const { scale } = fit(view.frame, picture, zoom);
      const x = zoom.x - step.x / scale / picture.width;
      const y = zoom.y - step.y / scale / picture.height;
      bench.set({ zoom: bounded(view.frame, picture, { ...zoom, x, y }) });
    }
    pressed.set(event.pointerId, event);
  });

  stage.addEventListener("pointerup", (event) => {
    const was = pressed.delete(event.pointerId);
    if (view.brush.end() || dividing || !was || moved > STILL || pressed.size) return;
    const { pixel, inside, at } = view.under(event);
    const { picture, pins, zoom, region } = bench.state;
    if (!picture || region === "mask") return;
    const pin = pinUnder(pins, fit(view.frame, picture, zoom), at);
    if (pin) bench.set({ place: { x: pin.x, y: pin.y } });
    else if (inside && pixel) bench.set({ place: pixel });
  });
  stage.addEventListener("pointercancel", (event) => {
    pressed.delete(event.pointerId);
    view.brush.cancel();
  });
  stage.addEventListener("pointerleave", () => {
    view.pointer = null;
    bench.set({ hover: null });
  });
  stage.addEventListener("dblclick", () => {
    if (bench.state.zoom.scale > 1) bench.set({ zoom: { scale: 1, x: 0.5, y: 0.5 } });
  });
  stage.addEventListener(
    "wheel",
    (event) => {
      const { picture, zoom } = bench.state;
      if (!picture) return;
      // At the whole picture, scrolling away from it is the page's.
      if (zoom.scale <= 1 && event.deltaY > 0) return;
      event.preventDefault();
      const factor = Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.002));
      view.zoomBy(factor, view.under(event).at);
    },
    { passive: false },
  );

  /** @param {PointerEvent} event */
  function hover(event) {
    const { pixel, inside } = view.under(event);
    const box = stage.getBoundingClientRect();
    view.pointer = { x: event.clientX - box.left, y: event.clientY - box.top };
    const before = bench.state.hover;
    bench.set({ hover: inside ? pixel : null });
    if (before && bench.state.hover === before) view.update();
  }

  /**
   * @param {PointerEvent} event
   * @param {PointerEvent} last
   * @param {PointerEvent} other
   */
  function pinch(event, last, other) {
    const { picture, zoom } = bench.state;
    if (!picture) return;
    const apart = (/** @type {PointerEvent} */ one) =>
      Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
    const { scale } = fit(view.frame, picture, zoom);
    const x = zoom.x - (event.clientX - last.clientX) / 2 / scale / picture.width;
    const y = zoom.y - (event.clientY - last.clientY) / 2 / scale / picture.height;
    bench.set({ zoom: bounded(view.frame, picture, { ...zoom, x, y }) });
    const middle = {
      clientX: (event.clientX + other.clientX) / 2,
      clientY: (event.clientY + other.clientY) / 2,
    };
    view.zoomBy(apart(event) / Math.max(1, apart(last)), view.under(middle).at);
  }

  stage.addEventListener("keydown", (event) => {
    const { picture, zoom, place } = bench.state;
    if (!picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = STEPS[event.key];
    if (step) {
      const stageOf = picture.stages[event.shiftKey ? 2 : 0];
      const at = probeOf(bench.state);
      const pixel = clamped(
        picture,
        at.x + step[0] * Math.max(1, stageOf?.tokenWidth ?? 1),
        at.y + step[1] * Math.max(1, stageOf?.tokenHeight ?? 1),
      );
      bench.set(place ? { place: pixel } : { hover: pixel });
      keepInSight(pixel);
    } else if (event.key === "Enter" || event.key === " ") {
      bench.set({ place: probeOf(bench.state) });
    } else if (event.key === "+" || event.key === "=") view.zoomBy(1.6);
    else if (event.key === "-") view.zoomBy(1 / 1.6);
    else if (event.key === "0") bench.set({ zoom: { ...zoom, scale: 1, x: 0.5, y: 0.5 } });
    else if (event.key === "p" || event.key === "P") pinHere(bench);
    else if (event.key === "[" || event.key === "]") {
      const opacity = bench.state.opacity + (event.key === "]" ? 0.1 : -0.1);
      bench.set({ opacity: Math.min(1, Math.max(0, Number(opacity.toFixed(2)))) });
    } else if (event.key === "Escape") free();
    else return;
    event.preventDefault();
  });

  function free() {
    bench.set({ place: null, mask: null, against: null });
  }

  /** @param {{x: number, y: number}} pixel */
  function keepInSight(pixel) {
    const { picture, zoom } = bench.state;
    if (!picture || zoom.scale <= 1) return;
    const fitted = fit(view.frame, picture, zoom);
    const x = fitted.left + pixel.x * fitted.scale;
    const y = fitted.top + pixel.y * fitted.scale;
    if (x > 20 && y > 20 && x < view.frame.width - 20 && y < view.frame.height - 20) return;
    const centre = { x: pixel.x / picture.width, y: pixel.y / picture.height };
    bench.set({ zoom: bounded(view.frame, picture, { ...zoom, ...centre }) });
  }
}
