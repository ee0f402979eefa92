// @ts-check
/** What can be taken along from a view: figure, data, code, the picture as shown, a link to it. */

import { h, icon } from "./dom.js";
import { takenOf } from "./layers.js";
import { sentenceOf } from "./pictures.js";
import { menu } from "./popover.js";
import { queryOf } from "./selection.js";
import { isWhole, OF_PIXELS } from "./whole.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").TakeAwayKind} TakeAwayKind
 */

const ENDINGS = /** @type {Record<TakeAwayKind, string>} */ ({
  png: "png",
  svg: "svg",
  pdf: "pdf",
  npz: "npz",
  csv: "csv",
  json: "json",
  python: "py",
  command: "sh",
  html: "html",
  masks: "zip",
  coco: "coco.json",
  "coco-panoptic": "zip",
  labelme: "json",
  "label-studio": "json",
  cvat: "xml",
  geojson: "geojson",
});

/** Of labels, those that hold how sure they are. */
const WITH_MAPS = ["npz", "python", "command", "html"];

/** Several files, such as the tables of an answer, come as an archive. */
const ZIP = "application/zip";

/**
 * @param {HTMLButtonElement} button
 * @param {Bench} bench
 * @param {import("./view.js").View} view
 */
export function takeAwayMenu(button, bench, view) {
  const { say } = bench;
  return menu(
    button,
    (close) => {
      const { state } = bench;
      const { picture } = state;
      if (!picture) return [];
      const said = h("p", { class: "hint", role: "status" });
      const asked = takenOf(bench, state);
      const { labels, class: ofClass, layers } = bench.catalog.takeAway;
      const ofPicture = isWhole(picture) ? (ofClass ?? []) : labels;
      // Of certainty there are arrays and code; the figure of the labels would be no figure of it.
      const ofMap = ofPicture.filter((kind) => WITH_MAPS.includes(kind));
      const kinds = asked ? layers : OF_PIXELS.includes(state.layer) ? ofMap : ofPicture;
      const name = fileName(bench);
      const link = queryOf(state);
      return [
        h("h3", {}, say("take.of", { layer: bench.layerTitle(picture, state) })),
        h(
          "button",
          {
            type: "button",
            class: "item",
            "data-take": "shown",
            onclick: async () => {
              save(await asShown(view), `${name}.png`);
              close();
            },
          },
          h("b", {}, say("take.shown")),
          h("span", {}, say("take.shown.help")),
        ),
        h(
          "div",
          { class: "kinds" },
          ...kinds.map((kind) =>
            h(
              "button",
              {
                type: "button",
                "data-take": kind,
                title: say(`take.${kind}.help`),
                onclick: async (/** @type {Event} */ event) => {
                  const pressed = /** @type {HTMLButtonElement} */ (event.currentTarget);
                  pressed.disabled = true;
                  said.textContent = say("take.making");
                  try {
                    const blob = await bench.source.takeAway(picture, asked, kind);
                    save(blob, `${name}.${blob.type === ZIP ? "zip" : ENDINGS[kind]}`);
                    said.textContent = "";
                  } catch (error) {
                    said.textContent = sentenceOf(error);
                  }
                  pressed.disabled = false;
                },
              },
              say(`take.${kind}`),
            ),
          ),
        ),
        said,
        h(
          "button",
          {
            type: "button",
            class: "item",
            "data-take": "link",
            disabled: !link,
            onclick: async () => {
              const address = new URL(location.href);
              address.search = link;
              await navigator.clipboard?.writeText(address.href).catch(() => {});
              history.replaceState(null, "", address);
              said.textContent = say("take.link.done");
            },
          },
          h("b", {}, icon("link"), say("take.link")),
          h("span", {}, say(link ? "take.link.help" : "take.link.none")),
        ),
      ];
    },
    { label: say("take"), end: true },
  );
}

/** @param {Bench} bench */
export function fileName(bench) {
  const { picture, layer } = bench.state;
  const title = (picture?.title || "picture").toLowerCase();
  return `${title}-${layer}`.replaceAll(/[^\p{L}\p{N}]+/gu, "-").replaceAll(/^-|-$/g, "");
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const address = URL.createObjectURL(blob);
  h("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/**
 * The picture under its layer, at the picture's own size.
 * @param {import("./view.js").View} view
 * @returns {Promise<Blob>}
 */
async function asShown(view) {
  const side = view.sides[0];
  const pane = view.panes[0];
  if (!side || !pane) throw new Error("Nothing is shown.");
  const { width, height } = side.picture;
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser draws no canvas.");
  await pane.image.decode();
  context.drawImage(pane.image, 0, 0, width, height);
  const { painting } = side;
  if (painting?.values) {
    context.globalAlpha = Number(pane.canvas.style.opacity);
    context.imageSmoothingEnabled = painting.kind === "labels";
    const wide = painting.columns * painting.tokenWidth;
    context.drawImage(pane.canvas, 0, 0, wide, painting.rows * painting.tokenHeight);
  }
  return new Promise((done, failed) =>
    canvas.toBlob((blob) => (blob ? done(blob) : failed(new Error("No image was made.")))),
  );
}
