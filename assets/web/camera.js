// @ts-check
/** A photo from the visitor's camera, in a dialog; the camera is off as soon as it closes. */

import { h, write } from "./dom.js";

export class Camera {
  /**
   * @param {import("./bench.js").Bench} bench
   * @param {(blob: Blob) => void} taken
   */
  constructor(bench, taken) {
    const { say } = bench;
    this.say = say;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.video = h("video", { autoplay: true, muted: true, playsinline: true });
    this.words = h("p", { role: "status" });
    this.shutter = h(
      "button",
      { type: "button", class: "primary", onclick: () => this.#take(taken) },
      say("camera.take"),
    );
    this.element = h(
      "dialog",
      { class: "camera", "aria-label": say("picture.camera"), onclose: () => this.#off() },
      this.video,
      this.words,
      h(
        "div",
        { class: "buttons" },
        this.shutter,
        h("button", { type: "button", onclick: () => this.element.close() }, say("close")),
      ),
    );
  }

  async open() {
    write(this.words, "");
    this.shutter.disabled = true;
    this.element.showModal();
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({
        video: { width: { ideal: 1920 } },
      });
      if (!this.element.open) return this.#off();
      this.video.srcObject = this.stream;
      this.shutter.disabled = false;
    } catch {
      write(this.words, this.say("camera.none"));
    }
  }

  /** @param {(blob: Blob) => void} taken */
  #take(taken) {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width) return;
    const canvas = h("canvas", { width, height });
    canvas.getContext("2d")?.drawImage(this.video, 0, 0);
    canvas.toBlob((blob) => blob && taken(blob), "image/png");
    this.element.close();
  }

  #off() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    this.stream = null;
    this.video.srcObject = null;
  }
}
