// Reads QR codes off this device's camera. The pictures are looked at in the page and go nowhere.
const PAUSE = 80; // milliseconds between two looks
const LONGEST_SIDE = 960; // pixels; more makes each look slower and finds no more

export const hasCamera = () => Boolean(navigator.mediaDevices?.getUserMedia);

export class Camera {
  #video;
  #stream = null;

  /** `video` shows what the camera sees. */
  constructor(video) {
    this.#video = video;
  }

  /** The first thing other than null that `read` makes of the text of a code; null if the camera is closed before. */
  async scan(read) {
    const decode = import("./vendor/qr/decode.js"); // large, and most people never need it
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    this.close();
    this.#stream = this.#video.srcObject = stream;
    try {
      await this.#video.play();
      const { default: decodeQR } = await decode;
      while (this.#stream === stream) {
        const text = this.#look(decodeQR);
        const found = text === null ? null : read(text);
        if (found !== null) return found;
        await new Promise((resolve) => setTimeout(resolve, PAUSE));
      }
      return null;
    } finally {
      if (this.#stream === stream) this.close();
    }
  }

  /** Switch the camera off. */
  close() {
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = this.#video.srcObject = null;
  }

  #look(decodeQR) {
    const { videoWidth, videoHeight } = this.#video;
    if (!videoWidth) return null;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(videoWidth, videoHeight));
    const canvas = new OffscreenCanvas(Math.round(videoWidth * scale), Math.round(videoHeight * scale));
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(this.#video, 0, 0, canvas.width, canvas.height);
    try {
      return decodeQR(context.getImageData(0, 0, canvas.width, canvas.height));
    } catch {
      return null; // no code in sight
    }
  }
}
