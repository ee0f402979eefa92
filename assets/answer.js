// The card of an answer (ui/page/answer_card.py): its buttons ask for the files of the answer.
// Gradio provides `element` and `trigger`.

element.addEventListener("click", (event) => {
  const button = event.target.closest("[data-file]");
  if (!button) return;
  trigger("take_away", { at: Number(button.dataset.at), file: button.dataset.file });
});
