// Tells who listens instead of looking what happened on the page: gathered, and no more of it than one can follow.
import { byId } from "./elements.js";
import { plural } from "./text.js";

const GATHERED = 1500; // milliseconds in which what happens is told together
const AT_MOST = 3; // things that are told one by one
let said = [];
let happened = [];

/** What somebody said, or what the person is asked, is told in any case; of many other things only how many there were. */
export function announce(words, { inAnyCase = false } = {}) {
  if (!said.length && !happened.length) setTimeout(tell, GATHERED);
  (inAnyCase ? said : happened).push(words);
}

function tell() {
  const { length } = happened;
  const rest = length > AT_MOST ? [plural("{count} new line in the history", "{count} new lines in the history", length)] : happened;
  byId("news").replaceChildren([...said, ...rest].join(" \n"));
  [said, happened] = [[], []];
}
