// "Scan with the camera": what it sees, what it has found, and the way back to typing.
import { Camera, hasCamera } from "./camera.js";
import { byId, say } from "./elements.js";
import { scannedOffer } from "./segue/push_transfer.js";
import { t } from "./text.js";

const WHY_NOT = {
  NotAllowedError: t("This page may not use the camera. Allow it in the browser, or type the code."),
  NotFoundError: t("No camera was found. Type the code instead."),
  NotReadableError: t("Another app uses the camera. Close it, or type the code."),
};

export class ScanDialog {
  #camera = new Camera(byId("scan-picture"));

  /** `onOffer(offer)` takes what was scanned; nothing has been sent by then. */
  constructor({ onOffer }) {
    const dialog = byId("scan");
    byId("scan-open").hidden = !hasCamera();
    byId("scan-open").onclick = async () => {
      dialog.showModal();
      const offer = await this.#scan();
      if (offer === null) return;
      dialog.close();
      await onOffer(offer);
    };
    byId("scan-close").onclick = () => dialog.close();
    dialog.addEventListener("close", () => this.#camera.close());
    addEventListener("pagehide", () => this.#camera.close());
  }

  async #scan() {
    const status = byId("scan-status");
    say(status, t("Hold the code of your other device in front of the camera."));
    try {
      return await this.#camera.scan((text) => {
        const offer = scannedOffer(text);
        if (offer === null) say(status, t("That is another kind of code. Scan the one your other device shows."));
        return offer;
      });
    } catch (failure) {
      say(status, WHY_NOT[failure.name] ?? t("The camera does not work here. Type the code instead."));
      return null;
    }
  }
}
