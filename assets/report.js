// Stands in for Gradio in a report: the scripts of viewer and lens run as on the page, and what they
// would ask a server (`trigger`) or be told by one (`watch`) goes nowhere.
function start(id, script) {
  const root = document.getElementById(id);
  const props = JSON.parse(document.getElementById(`${id}-props`).textContent);
  const nothing = () => {};
  script(root.firstElementChild, props, nothing, nothing);
}
