// Mounts the workbench in the page. Gradio provides `element`, `props`, `trigger` and `watch`; where
// the page is mounted below another path, so are the modules.
const root = (window.gradio_config?.root || location.origin).replace(/\/?$/, "/");
const host = element.querySelector(".lens-workbench");
const page = document.documentElement;
let shown = "";
let told = "";
let telling = 0;

// What is looked at becomes the selection of the tabs below, once it rests and its live layer is
// there, unless that takes long: what the tabs then do would make it come later.
const REST = 250;
const LONGEST = 1000;
function selected({ picture, place, region }) {
  if (!picture) return;
  if (picture.key !== shown) trigger("leave");
  shown = picture.key;
  const now = { key: picture.key, pixel: place && [place.x, place.y], region };
  const since = performance.now();
  const tell = () => {
    const { status, kind } = host.bench?.slot() ?? {};
    const comes = status === "running" && kind.live;
    if (comes && performance.now() - since < LONGEST) return again();
    const text = JSON.stringify(now);
    if (text === told) return;
    told = text;
    trigger("look", now);
  };
  const again = () => {
    clearTimeout(telling);
    telling = setTimeout(tell, REST);
  };
  again();
}

// A model chosen or uploaded in a tab below has labelled the picture anew: that result is shown.
function follow(wanted) {
  if (!wanted || wanted.key === host.bench.store.state.picture?.key) return;
  const { key, ...setting } = wanted;
  host.bench.follow(key, setting);
}

// One language for the whole page, wherever it is chosen.
let language = page.lang || navigator.language;
function spoken(chosen) {
  language = chosen;
  page.lang = chosen;
}
new MutationObserver(() => {
  if (!page.lang || page.lang === language) return;
  language = page.lang;
  host.bench?.speak(language);
}).observe(page, { attributeFilter: ["lang"] });

Promise.all([import(`${root}web/workbench.js`), import(`${root}web/server_source.js`)])
  .then(([{ mount }, { ServerSource }]) =>
    mount(host, new ServerSource(), { language, selected, spoken }),
  )
  .then((bench) => {
    host.bench = bench;
    watch("wanted", () => follow(props.wanted));
  })
  .catch((error) => {
    host.textContent = error.sentence ?? "The page could not be loaded: please reload it.";
    throw error;
  });
