// Thumbnails that pick an example. `props.value` is the name of the one on show, or null.
// Gradio provides `element`, `props`, `trigger` and `watch`.

const buttons = [...element.querySelectorAll("[data-name]")];

function mark() {
  for (const button of buttons) {
    button.setAttribute("aria-pressed", button.dataset.name === props.value);
  }
}

for (const button of buttons) {
  button.addEventListener("click", () => trigger("pick", { name: button.dataset.name }));
}
watch("value", mark);
mark();
