// Shows the words of our own HTML in the visitor's language. Gradio says the labels of its
// components, and sets the language of the document; words that stand by themselves are looked up
// in the same table (ui/page/language.py), those that something was put into bring what they are in
// every language (ui/page/said.py). English, the language of the keys, needs nothing.
() => {
  const ATTRIBUTES = ["title", "aria-label", "alt", "placeholder"];
  const KEPT = "pre, code, script, style, textarea, .cm-editor, [translate=no], body [lang=en]";
  const SAID = "[data-said], [data-said-alt], [data-said-aria-label]";
  const tables = window.gradio_config?.i18n_translations ?? {};
  const root = document.documentElement;
  const said = new WeakMap(); // node -> { name of attribute, or "": [English, what is shown] }
  let words = {};

  const language = () => root.lang.split("-")[0];
  const say = (text) => (Object.hasOwn(words, text) ? words[text] : text);

  // Puts the words of a text or an attribute anew, unless it still shows what was said of it.
  function put(node, name, now, write) {
    const before = said.get(node) ?? {};
    const english = before[name]?.[1] === now ? before[name][0] : now;
    const shown = english.replace(/\S(?:.*\S)?/s, (text) => say(text));
    said.set(node, { ...before, [name]: [english, shown] });
    if (shown !== now) write(shown);
  }

  // Shows what an element brings, as its text or as an attribute.
  function show(node) {
    const own = (json) => {
      const known = JSON.parse(json);
      return known[language()] ?? known.en;
    };
    const { said, saidAlt, saidAriaLabel } = node.dataset;
    if (said && node.textContent !== own(said)) node.textContent = own(said);
    if (saidAlt) node.alt = own(saidAlt);
    if (saidAriaLabel) node.ariaLabel = own(saidAriaLabel);
  }

  function walk(node) {
    if (node.nodeType === Node.TEXT_NODE) put(node, "", node.data, (shown) => (node.data = shown));
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(KEPT)) return;
    if (node.matches(SAID)) {
      show(node);
      return;
    }
    for (const name of ATTRIBUTES) {
      const now = node.getAttribute(name);
      if (now) put(node, name, now, (shown) => node.setAttribute(name, shown));
    }
    node.childNodes.forEach(walk);
  }

  const changes = new MutationObserver((records) => {
    for (const { target, addedNodes, attributeName } of records) {
      if ((target.closest ? target : target.parentElement)?.closest(`${KEPT}, ${SAID}`)) continue;
      if (attributeName) {
        put(target, attributeName, target.getAttribute(attributeName) ?? "", (shown) => target.setAttribute(attributeName, shown));
      } else if (target.nodeType === Node.TEXT_NODE) walk(target);
      else addedNodes.forEach(walk);
    }
  });

  function speak() {
    const spokenBefore = Object.keys(words).length > 0;
    words = tables[language()] ?? {};
    const needed = Object.keys(words).length > 0;
    if (needed || spokenBefore) walk(document.body);
    changes.disconnect();
    const what = { childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES };
    if (needed) changes.observe(document.body, { subtree: true, ...what });
  }

  new MutationObserver(speak).observe(root, { attributes: true, attributeFilter: ["lang"] });
  speak();
}
