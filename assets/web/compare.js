// @ts-check
/** "Compare with …": another reach, model or random weights; the photo alone; or a layer held still. */

import { checkpointBox } from "./checkpoint.js";
import { h } from "./dom.js";
import { menu } from "./popover.js";
import { REACHES, TRAINED } from "./selection.js";

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
  const { say } = bench;
  const own = checkpointBox(bench, ({ name, reach, windowSize }) => {
    pictures.compare({ model: name, ...TRAINED, reach, windowSize });
  });
  return menu(
    button,
    (close) => {
      const { setting, compare, layer } = bench.state;
      if (!setting) return [];
      const model = bench.models.find((each) => each.name === setting.model);
      /** @param {Partial<Setting>} change */
      const other = (change) => () => {
        close();
        pictures.compare({ ...setting, ...change });
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
      const reaches = (model?.reaches ?? REACHES).filter((each) => each !== setting.reach);
      // Beside its own size the next one; beside any other its own.
      const sides = (model?.shortSides ?? []).slice(...(setting.shortSide ? [0, 1] : [1, 2]));
      const models = bench.models.filter(
        (each) => each.available && (each.name !== setting.model || setting.untrained),
      );
      const hold = () => {
        close();
        const { stage, choices, parameters, against } = bench.state;
        const shown = structuredClone({ layer, stage, choices, parameters, against });
        pictures.against({ kind: "held", shown });
      };
      const photo = () => {
        close();
        pictures.against({ kind: "photo" });
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
                pictures.against(null);
              },
              "end",
            ),
          ),
        ],
        h("h3", {}, say("compare.with")),
        ...reaches.map((reach) =>
          item(
            say("compare.reach", { reach: say(`reach.${reach}`) }),
            say(`reach.${reach}.help`),
            other({ reach }),
            `reach-${reach}`,
          ),
        ),
        ...sides.map((shortSide) =>
          item(
            say("compare.short", { side: shortSide }),
            say("short.help"),
            other({ shortSide }),
            `short-${shortSide}`,
          ),
        ),
        item(say("compare.photo"), say("compare.photo.help"), photo, "photo"),
        item(say("compare.hold"), say("compare.hold.help"), hold, "hold"),
        !setting.untrained &&
          !bench.catalog.alone &&
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
              ...TRAINED,
              reach: each.reach,
              windowSize: each.windowSize,
            }),
            `model-${each.name}`,
          ),
        ),
        own,
      ].flat();
    },
    { label: say("compare"), end: true },
  );
}
