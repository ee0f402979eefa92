// @ts-check
/** What is given to the page, chosen, pasted or dropped: one photo, several, or a film. */

import { isFilm } from "./film.js";

/**
 * Returns what opens files: one on the workbench, several one after the other, a film beside it.
 * @param {import("./pictures.js").Pictures} pictures
 * @param {import("./batch.js").Batch} batch
 * @param {import("./film.js").Film} film
 * @returns {(files: File[]) => void}
 */
export function opener(pictures, batch, film) {
  return (files) => {
    const [file] = files;
    if (files.length > 1) batch.start(files);
    else if (file && isFilm(file)) film.start(file);
    else if (file) pictures.open(file);
  };
}

/**
 * Takes files that are pasted or dropped anywhere on the page.
 * @param {HTMLElement} host
 * @param {(files: File[]) => void} open
 */
export function takeFiles(host, open) {
  const { ownerDocument } = host;
  const filesIn = (/** @type {DataTransfer | null} */ data) => [...(data?.files ?? [])];
  ownerDocument.addEventListener("paste", (event) => {
    const files = filesIn(event.clipboardData);
    if (!files.length || !host.isConnected) return;
    event.preventDefault();
    open(files);
  });
  const mine = (/** @type {DragEvent} */ event) => event.dataTransfer?.types.includes("Files");
  ownerDocument.addEventListener("dragover", (event) => {
    if (!mine(event) || !host.isConnected) return;
    event.preventDefault();
    host.classList.add("dropping");
  });
  ownerDocument.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) host.classList.remove("dropping");
  });
  ownerDocument.addEventListener("drop", (event) => {
    host.classList.remove("dropping");
    const files = filesIn(event.dataTransfer);
    if (!files.length || !host.isConnected) return;
    event.preventDefault();
    open(files);
  });
}
