// @ts-check
/** The film above the picture: how far it is, its last frame, and when done the film to watch. */

import { fill, h, icon, refill, write } from "./dom.js";
import { save } from "./take_away.js";
import { percent } from "./words.js";

const MOST_CLASSES = 8;

/**
 * @param {import("./film.js").Film} film
 * @returns {HTMLElement}
 */
export function filmPanel(film) {
  const { bench } = film;
  const { say } = bench;
  const status = h("span", { class: "batch-status", role: "status" });
  const actions = h("div", { class: "batch-actions" });
  const bar = h("progress", { "aria-label": say("film") });
  const notes = h("ul", { class: "notes" });
  const failures = h("ul", { class: "failures", role: "alert" });
  const frame = h("img", { alt: say("film.frame") });
  const player = h("video", { controls: true, loop: true, muted: true, playsinline: true });
  const legend = h("ul", { class: "film-classes", "aria-label": say("film.classes") });
  const element = h(
    "section",
    { class: "batch film", "data-part": "film", "aria-label": say("film") },
    h("div", { class: "batch-head" }, status, bar, actions, notes),
    h("div", { class: "film-shown" }, frame, player, legend),
    failures,
  );

  /** @returns {string} */
  function doing() {
    const { done = 0, total = 0, ahead = 0 } = film.progress ?? {};
    if (ahead > 0) return say("ask.ahead", { ahead });
    if (!total) return say("film.reading");
    const { left } = film;
    const frames = say("film.frames", { done, total });
    return left === null ? frames : `${frames} ${say("film.left", { seconds: Math.ceil(left) })}`;
  }

  function update() {
    const { file, running, labelled, problem, preview, progress } = film;
    element.hidden = !file;
    if (!file) return;
    const name = file.name.replace(/\.[^.]*$/, "");
    write(status, running ? doing() : labelled ? say("film.done") : file.name);
    bar.hidden = !running;
    bar.max = progress?.total || 1;
    if (progress?.total) bar.value = progress.done;
    else bar.removeAttribute("value");
    show(frame, running ? preview : "");
    show(player, labelled?.address ?? "");
    element.dataset.state = running ? "working" : labelled ? "done" : "failed";
    /** @param {string} key @param {string} does @param {() => void} press */
    const action = (key, does, press) =>
      h("button", { type: "button", class: "quiet", "data-do": does, onclick: press }, say(key));
    refill(
      actions,
      running && action("ask.stop", "stop", () => film.clear()),
      labelled && action("film.take", "take", () => save(labelled.film, `${name}-labels.webm`)),
      labelled && action("batch.table", "table", () => save(labelled.table, `${name}-labels.csv`)),
      !running &&
        h(
          "button",
          {
            type: "button",
            class: "quiet",
            "data-do": "close",
            "aria-label": say("close"),
            onclick: () => film.clear(),
          },
          icon("close"),
        ),
    );
    const said = labelled?.spoken?.[bench.language] ?? {};
    fill(notes, ...(labelled?.notices ?? []).map((each) => h("li", {}, said[each] ?? each)));
    fill(
      legend,
      ...(labelled?.classes ?? [])
        .slice(0, MOST_CLASSES)
        .map(({ name: of, color, share }) =>
          h(
            "li",
            {},
            h("i", { class: "swatch", style: { background: color } }),
            bench.nameOf(of),
            h("small", {}, percent(share)),
          ),
        ),
    );
    fill(failures, problem && h("li", {}, problem));
  }

  bench.arrive(update);
  update();
  return element;
}

/**
 * @param {HTMLImageElement | HTMLVideoElement} shown
 * @param {string} address
 */
function show(shown, address) {
  shown.hidden = !address;
  if (!address) shown.removeAttribute("src");
  else if (shown.src !== address) shown.src = address;
}
