// Says in the visitor's language what stands in our own HTML. Gradio says the labels of its
// components, and sets the language of the document; both read the table of ui/page/language.py.
// English, the language of the keys, needs nothing.
() => {
  const ATTRIBUTES = ["title", "aria-label", "alt", "placeholder"];
  const KEPT = "pre, code, script, style, textarea, .cm-editor, [translate=no], body [lang=en]";
  const SAID = "[data-said], [data-said-alt], [data-said-aria-label]";
  const tables = window.gradio_config?.i18n_translations ?? {};
  const root = document.documentElement;
  const said = new WeakMap(); // node -> { name of attribute, or "": [English, what is shown] }
  let words = {};
  let patterns = [];

  const plain = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

  function learn() {
    words = tables[root.lang.split("-")[0]] ?? {};
    patterns = Object.entries(words)
      .filter(([english]) => english.includes("{"))
      .map(([english, other]) => [
        new RegExp(`^${plain(english).replace(/\\\{\w+\\\}/g, "((?:(?! · ).)+?)")}$`, "s"),
        [...english.matchAll(/\{\w+\}/g)].map(([name]) => name),
        other,
      ]);
  }

  function fill(text) {
    for (const [pattern, names, other] of patterns) {
      const found = pattern.exec(text);
      if (!found) continue;
      return names.reduce((made, name, at) => made.replaceAll(name, say(found[at + 1])), other);
    }
  }

  // Some sentences are put together: "a · b", "Pin (P)", "Photo: somebody", "pixel 3, 4", "87 % sure".
  const PARTS = [/^(.+?)( · )(.+)$/s, /^(.+?)( )(\([^()]+\))$/, /^([^:]+:)( )(.+)$/s, /^(\D+)( )([\d#].*)$/, /^([\d.,%× ]+)( )(\D+)$/];

  function say(text) {
    if (!/[A-Za-z]{2}/.test(text)) return text;
    if (Object.hasOwn(words, text)) return words[text];
    const filled = fill(text);
    if (filled !== undefined) return filled;
    for (const parts of PARTS) {
      const [, before, between, after] = parts.exec(text) ?? [];
      if (!before) continue;
      const made = say(before) + between + say(after);
      if (made !== text) return made;
    }
    return text;
  }

  // Puts the words of a text or an attribute anew, unless it still shows what was said of it.
  function put(node, name, now, write) {
    const before = said.get(node) ?? {};
    const english = before[name]?.[1] === now ? before[name][0] : now;
    const shown = english.replace(/\S(?:.*\S)?/s, (text) => say(text));
    said.set(node, { ...before, [name]: [english, shown] });
    if (shown !== now) write(shown);
  }

  // What the server looked up (ui/page/said.py): words by language, of the text or of an attribute.
  function show(node) {
    const own = (json) => {
      const known = JSON.parse(json);
      return known[root.lang.split("-")[0]] ?? known.en;
    };
    for (const [key, json] of Object.entries(node.dataset)) {
      if (key === "said" && node.textContent !== own(json)) node.textContent = own(json);
      if (key === "saidAlt") node.alt = own(json);
      if (key === "saidAriaLabel") node.ariaLabel = own(json);
    }
  }

  function walk(node) {
    if (node.nodeType === Node.TEXT_NODE) put(node, "", node.data, (shown) => (node.data = shown));
    if (node.nodeType !== Node.ELEMENT_NODE || node.matches(KEPT)) return;
    show(node);
    if (node.matches(SAID)) return;
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
    learn();
    const needed = Object.keys(words).length > 0;
    if (needed || spokenBefore) walk(document.body);
    changes.disconnect();
    const what = { childList: true, characterData: true, attributes: true, attributeFilter: ATTRIBUTES };
    if (needed) changes.observe(document.body, { subtree: true, ...what });
  }

  new MutationObserver(speak).observe(root, { attributes: true, attributeFilter: ["lang"] });
  speak();
}
