// @ts-check
/** The strip above the picture: which picture, which model with what it knows, reach, language. */

import { Camera } from "./camera.js";
import { checkpointBox } from "./checkpoint.js";
import { fill, h, icon, refill, write } from "./dom.js";
import { modelRows } from "./model_menu.js";
import { menu } from "./popover.js";
import { REACHES, TRAINED } from "./selection.js";
import { themeButton } from "./theme.js";
import { LANGUAGES } from "./words.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Reach} Reach
 */

const WINDOWS = [4, 8, 14, 16, 24, 32];

/**
 * @param {Bench} bench
 * @param {import("./pictures.js").Pictures} pictures
 * @param {(files: File[]) => void} open
 * @param {HTMLElement} guide  The button of the tour.
 * @param {(language: string) => void} speak
 * @returns {HTMLElement}
 */
export function top(bench, pictures, open, guide, speak) {
  const { say, catalog } = bench;
  const { alone } = catalog;
  const input = h("input", {
    type: "file",
    multiple: true,
    accept: "image/*,video/*,.heic,.heif,.tif,.tiff,.dng,.mkv",
    class: "unseen",
    tabindex: "-1",
    "aria-label": say("picture.upload"),
    onchange: () => {
      const files = [...(input.files ?? [])];
      input.value = "";
      open(files);
    },
  });
  const camera = new Camera(bench, (blob) => pictures.open(blob));

  const thumb = h("img", { alt: "", class: "thumb" });
  const title = h("b", {});
  const about = h("small", {});
  const named = [thumb, h("span", { class: "two-lines" }, title, about)];
  const picture = chip("picture", named);
  const pictureMenu = menu(
    picture,
    (close) => [
      h(
        "div",
        { class: "menu-actions" },
        action("upload", say("picture.upload"), () => {
          close();
          input.click();
        }),
        action("camera", say("picture.camera"), () => {
          close();
          camera.open();
        }),
        action("paste", say("picture.paste"), () => {
          close();
          pictures.pasteFromClipboard();
        }),
      ),
      h("p", { class: "hint" }, say("picture.hint")),
      h("p", { class: "hint" }, catalog.film ? say("film.hint", catalog.film) : say("film.app")),
      h("h3", {}, say("picture.examples")),
      h(
        "div",
        { class: "examples" },
        ...catalog.examples.map((example) =>
          h(
            "button",
            {
              type: "button",
              class: "example",
              "data-example": example.name,
              "aria-current": String(example.name === bench.state.picture?.example),
              onclick: () => {
                close();
                pictures.open({ example: example.name });
              },
            },
            h("img", { src: example.thumbnail, alt: example.alt, loading: "lazy" }),
            h("span", {}, example.title),
          ),
        ),
      ),
    ],
    { label: say("picture.choose"), wide: true },
  );

  const modelTitle = h("b", {});
  const knows = h("small", {});
  const known = [h("span", { class: "two-lines" }, modelTitle, knows)];
  const model = chip("model", known);
  const own = checkpointBox(bench, ({ name, reach, windowSize }) =>
    pictures.relabel({ model: name, ...TRAINED, reach, windowSize }),
  );
  const modelMenu = menu(
    model,
    (close) => [
      h("h3", {}, say("model.choose")),
      h("div", { class: "models" }, ...modelRows(bench, pictures, own, close)),
    ],
    { label: say("model.choose"), wide: true },
  );

  const reach = h("div", { class: "segmented", role: "group", "aria-label": say("reach") });
  const only = h("b", {});
  const windowSize = h("select", {
    "aria-label": say("window"),
    title: say("window.help"),
    onchange: () => pictures.relabel({ windowSize: Number(windowSize.value) }),
  });
  const shortSide = h("select", {
    "aria-label": say("short"),
    title: say("short.help"),
    "data-part": "short-side",
    onchange: () => pictures.relabel({ shortSide: Number(shortSide.value) || undefined }),
  });
  const languages = h(
    "select",
    {
      class: "language",
      "aria-label": say("language"),
      onchange: () => speak(languages.value),
    },
    ...Object.entries(LANGUAGES).map(([name, own]) =>
      h("option", { value: name, selected: name === bench.language }, own),
    ),
  );

  function update() {
    const { picture: now, setting } = bench.state;
    if (!now || !setting) return;
    const info = bench.models.find((each) => each.name === setting.model);
    const example = catalog.examples.find((each) => each.name === now.example);
    thumb.src = example?.thumbnail ?? now.image;
    write(title, example?.title ?? (now.title || say("picture.yours")));
    write(about, `${now.width} × ${now.height} px`);
    // What the catalog says is in the page's language.
    const trained = info && now.model.trained;
    write(
      modelTitle,
      `${info?.title ?? bench.spoken(now.model.title)}${setting.untrained ? ` · ${say("untrained")}` : ""}`,
    );
    write(knows, trained ? info.knows : bench.spoken(now.model.knows));
    refill(
      reach,
      ...(info?.reaches ?? REACHES).map((name) =>
        h(
          "button",
          {
            type: "button",
            "aria-pressed": String(name === setting.reach),
            "data-reach": name,
            title: say(`reach.${name}.help`),
            onclick: () => pictures.relabel({ reach: name }),
          },
          say(`reach.${name}`),
        ),
      ),
    );
    const far = [say(`reach.${setting.reach}`)];
    if (setting.reach !== "global") far.push(say("window.size", { size: setting.windowSize }));
    write(only, far.join(" · "));
    windowSize.hidden = setting.reach === "global";
    const sizes = [...new Set([...WINDOWS, setting.windowSize])].sort((a, b) => a - b);
    fill(
      windowSize,
      ...sizes.map((size) => h("option", { value: String(size) }, say("window.size", { size }))),
    );
    windowSize.value = String(setting.windowSize);
    const [own, ...others] = info?.shortSides ?? [];
    shortSide.hidden = !others.length;
    fill(
      shortSide,
      h("option", { value: "" }, say("short.side", { side: own ?? "" })),
      ...others.map((side) => h("option", { value: String(side) }, say("short.side", { side }))),
    );
    shortSide.value = String(setting.shortSide ?? "");
  }
  bench.store.listen((_, changed) => {
    if (changed.has("picture") || changed.has("setting")) update();
  });
  update();

  return h(
    "header",
    { class: "top" },
    h("h1", { class: "brand" }, say("brand")),
    ...(alone
      ? [still("picture", named), still("model", known)]
      : [picture, pictureMenu, model, modelMenu]),
    h(
      "div",
      { class: "reach", title: say("reach.help") },
      h("span", { class: "label" }, say("reach")),
      ...(alone ? [only] : [reach, windowSize, shortSide]),
    ),
    h("span", { class: "space" }),
    !alone && guide,
    languages,
    themeButton(say),
    ...(alone ? [] : [input, camera.element]),
  );
}

/**
 * A button that shows what was chosen, and leads to the choice.
 * @param {string} part
 * @param {HTMLElement[]} shown
 */
function chip(part, shown) {
  return h("button", { type: "button", class: "chip", "data-part": part }, ...shown, icon("down"));
}

/**
 * The same where there is no choice.
 * @param {string} part
 * @param {HTMLElement[]} shown
 */
const still = (part, shown) => h("div", { class: "chip still", "data-part": part }, ...shown);

/**
 * @param {keyof typeof import("./dom.js").ICONS} name
 * @param {string} words
 * @param {() => void} does
 */
function action(name, words, does) {
  return h("button", { type: "button", class: "action", onclick: does }, icon(name), words);
}
