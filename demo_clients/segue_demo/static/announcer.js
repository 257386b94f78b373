// Tells who listens instead of looking what happened on the page: at its next rest, and many things as one sentence.
import { byId } from "./elements.js";
import { plural } from "./text.js";

const GATHERED = 1500; // milliseconds in which what happens is told together
const AT_MOST = 3; // things that are told one by one
let untold = [];

export function announce(words) {
  if (untold.push(words) === 1) setTimeout(tell, GATHERED);
}

function tell() {
  const { length } = untold;
  const place = byId("news");
  place.replaceChildren(length > AT_MOST ? plural("{count} new line in the history", "{count} new lines in the history", length) : untold.join(" \n"));
  untold = [];
}
