// A link to what the page shows, from the query in `value`; a button copies it.
const field = element.querySelector("input");
const button = element.querySelector("button");

function show() {
  const url = new URL(location.href);
  url.search = props.value || "";
  url.hash = "";
  field.value = props.value ? url.href : "";
  element.firstElementChild.hidden = !props.value;
  element.lastElementChild.hidden = Boolean(props.value);
}

button.addEventListener("click", async () => {
  field.select();
  await navigator.clipboard?.writeText(field.value);
  button.dataset.copied = "";
});
watch("value", show);
show();
