// @ts-check
/** "Compare with …": another reach, model or random weights; the photo alone; or a layer held still. */

import { checkpointBox } from "./checkpoint.js";
import { h } from "./dom.js";
import { menu } from "./popover.js";

/**
 * @typedef {import("./bench.js").Bench} Bench
 * @typedef {import("./source.js").Setting} Setting
 */

/**
 * @param {HTMLButtonElement} button
 * @param {Bench} bench
 * @param {import("./pictures.js").Pictures} pictures
 */
export function compareMenu(button, bench, pictures) {
  const { say, catalog } = bench;
  const own = checkpointBox(bench, ({ name, reach, windowSize }) => {
    const { setting } = bench.state;
    if (setting) pictures.compare({ ...setting, model: name, reach, windowSize, untrained: false });
  });
  return menu(
    button,
    (close) => {
      const { setting, compare, beside, layer } = bench.state;
      if (!setting) return [];
      const model = bench.models.find((each) => each.name === setting.model);
      /** @param {Partial<Setting>} change */
      const other = (change) => () => {
        close();
        const wanted = { ...setting, ...change };
        if (!wanted.untrained) delete wanted.untrained;
        pictures.compare(wanted);
      };
      const item = (
        /** @type {string} */ words,
        /** @type {string} */ help,
        /** @type {() => void} */ does,
        name = "",
      ) =>
        h(
          "button",
          { type: "button", class: "item", onclick: does, "data-compare": name },
          h("b", {}, words),
          help && h("span", {}, help),
        );
      const reaches = catalog.reaches.filter(
        ({ name }) => name !== setting.reach && (model?.reaches.includes(name) ?? true),
      );
      const models = bench.models.filter((each) => each.available && each.name !== setting.model);
      const hold = () => {
        close();
        const { stage, choices, parameters, against } = bench.state;
        const shown = structuredClone({ layer, stage, choices, parameters, against });
        bench.set({ compare: { kind: "held", shown }, other: null });
      };
      const photo = () => {
        close();
        bench.set({ compare: { kind: "photo" }, other: null });
      };
      return [
        compare && [
          h("h3", {}, say("compare.how")),
          h(
            "div",
            { class: "menu-actions" },
            item(say("compare.divider"), "", () => bench.set({ beside: false }), "divider"),
            item(say("compare.beside"), "", () => bench.set({ beside: true }), "beside"),
            item(
              say("compare.end"),
              "",
              () => {
                close();
                bench.set({ compare: null, other: null });
              },
              "end",
            ),
          ),
        ],
        h("h3", {}, say("compare.with")),
        ...reaches.map(({ name, title, help }) =>
          item(
            say("compare.reach", { reach: title }),
            help,
            other({ reach: name }),
            `reach-${name}`,
          ),
        ),
        item(say("compare.photo"), say("compare.photo.help"), photo, "photo"),
        item(say("compare.hold"), say("compare.hold.help"), hold, "hold"),
        !setting.untrained &&
          item(
            say("compare.untrained"),
            say("compare.untrained.help"),
            other({ untrained: true }),
            "untrained",
          ),
        ...models.map((each) =>
          item(
            say("compare.model", { model: each.title }),
            each.knows,
            other({
              model: each.name,
              reach: each.reach,
              windowSize: each.windowSize,
              untrained: false,
            }),
            `model-${each.name}`,
          ),
        ),
        own,
        void beside,
      ].flat();
    },
    { label: say("compare"), end: true },
  );
}
