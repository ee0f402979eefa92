// @ts-check
/** The strip of photos above the picture: how far each is, what failed, and what there is to do. */

import { MOST_PHOTOS, tableOf } from "./batch.js";
import { fill, h, icon, refill } from "./dom.js";
import { save } from "./take_away.js";

/** @typedef {import("./batch.js").Item} Item */

/**
 * @param {import("./batch.js").Batch} batch
 * @returns {HTMLElement}
 */
export function batchStrip(batch) {
  const { bench } = batch;
  const { say } = bench;
  const status = h("span", { class: "batch-status", role: "status" });
  const actions = h("div", { class: "batch-actions" });
  const photos = h("div", { class: "photos", role: "group", "aria-label": say("batch") });
  const failures = h("ul", { class: "failures" });
  const element = h(
    "section",
    { class: "batch", "data-part": "batch", "aria-label": say("batch") },
    h("div", { class: "batch-head" }, status, actions),
    photos,
    failures,
  );

  /** @param {Item} item */
  const photo = (item) =>
    h(
      "button",
      {
        type: "button",
        class: "photo",
        "data-photo": item.file.name,
        "data-state": item.state,
        "aria-current": String(Boolean(item.known && item.known.key === bench.state.picture?.key)),
        disabled: item.state === "failed" || item.state === "working",
        title: `${item.file.name}: ${say(`batch.${item.state}`)}`,
        onclick: () => batch.choose(item),
      },
      item.thumbnail ?? h("span", { class: "blank" }, say(`batch.${item.state}`)),
      h("small", {}, item.file.name),
    );

  function update() {
    const { items, left, running } = batch;
    element.hidden = !items.length;
    if (!items.length) return;
    const count = (/** @type {Item["state"]} */ state) =>
      items.filter((item) => item.state === state).length;
    const [done, failed, waiting] = [count("done"), count("failed"), count("waiting")];
    fill(status, say("batch.status", { done, total: items.length }));
    const other = !sameSetting(batch, bench.state.setting);
    refill(
      actions,
      running && action("ask.stop", "stop", () => batch.stop()),
      !running && waiting > 0 && action("batch.on", "on", () => batch.goOn()),
      !running && other && action("batch.again", "again", () => batch.again()),
      done + failed > 0 &&
        action("batch.table", "table", () =>
          save(new Blob([tableOf(items)], { type: "text/csv" }), "shares.csv"),
        ),
      h(
        "button",
        {
          type: "button",
          class: "quiet",
          "data-do": "close",
          "aria-label": say("close"),
          onclick: () => batch.clear(),
        },
        icon("close"),
      ),
    );
    refill(photos, ...items.map(photo));
    fill(
      failures,
      left > 0 && h("li", {}, say("batch.left", { left, most: MOST_PHOTOS })),
      ...items
        .filter(({ problem }) => problem)
        .map(({ file, problem }) => h("li", {}, h("b", {}, file.name), ` ${problem}`)),
    );
  }

  /**
   * @param {string} words
   * @param {string} name
   * @param {() => void} does
   */
  function action(words, name, does) {
    return h(
      "button",
      { type: "button", class: "quiet", "data-do": name, onclick: does },
      say(words),
    );
  }

  bench.arrive(update);
  bench.store.listen((_, changed) => {
    if (changed.has("picture") || changed.has("setting")) update();
  });
  update();
  return element;
}

/**
 * @param {import("./batch.js").Batch} batch
 * @param {import("./source.js").Setting | null} now
 */
function sameSetting({ setting }, now) {
  if (!setting || !now) return false;
  return (
    setting.model === now.model &&
    setting.reach === now.reach &&
    setting.windowSize === now.windowSize &&
    setting.shortSide === now.shortSide &&
    Boolean(setting.untrained) === Boolean(now.untrained)
  );
}
