// Mounts the workbench in the page. Gradio provides `element`, `props` and `trigger`; where the page
// is mounted below another path, so are the modules.
const root = (window.gradio_config?.root || location.origin).replace(/\/?$/, "/");
const host = element.querySelector(".lens-workbench");
const language = document.documentElement.lang || navigator.language;
let told = "";
let telling = 0;

// What is looked at becomes the selection of the tabs below, once it rests.
function selected(state) {
  const { picture, place, region, choices, stage } = state;
  if (!picture) return;
  const { block, head } = choices[stage] ?? { block: 0, head: null };
  const pixel = place ? [place.x, place.y] : null;
  const now = { key: picture.key, pixel, region: region === "mask" ? "pixel" : region, stage, block, head };
  clearTimeout(telling);
  telling = setTimeout(() => {
    const text = JSON.stringify(now);
    if (text === told) return;
    told = text;
    trigger("look", now);
  }, 250);
}

Promise.all([import(`${root}web/workbench.js`), import(`${root}web/server_source.js`)])
  .then(([{ mount }, { ServerSource }]) => mount(host, new ServerSource(), { language, selected }))
  .then((bench) => {
    host.bench = bench;
  })
  .catch((error) => {
    host.textContent = error.sentence ?? "The page could not be loaded: please reload it.";
    throw error;
  });
