// What the person decides about a task, as requests; and in words why one of them was not taken.
import { Refused } from "./segue/proved_fetch.js";
import { listed, t } from "./text.js";

/** What the grant of this device allows decides what is offered; the store decides again. */
export class Decisions {
  #client;
  #room;
  #actions;

  /** `onSignIn(wanted)`, if this page has a way to sign in, is called when the store asks for one of late (RFC 9470). */
  constructor({ client, room, actions, onSignIn }) {
    this.#client = onSignIn ? askingAnew(client, onSignIn) : client;
    this.#room = room;
    this.#actions = new Set(actions);
  }

  get mayDirect() {
    return this.#actions.has("task:write");
  }

  get mayApprove() {
    return this.#actions.has("tool_calls:approve");
  }

  get maySay() {
    return this.#actions.has("events:append");
  }

  /** Stop an answer while it is written. */
  stop = ({ draft_id }) => this.#client.interruptDraft(draft_id);

  approve = ({ call_id }) => this.#client.step(call_id, "approve", {}, `approve-${call_id}`);

  decline = ({ call_id }) => this.#client.step(call_id, "deny", { reason: DECLINED }, `deny-${call_id}`);

  cancel = ({ call_id }) => this.#client.step(call_id, "cancel", {});

  /** Of a call whose outcome nobody knows: `happened` or `did_not_happen`, for the attempt that the person looked at. */
  settle = ({ call_id, attempt }, outcome) => {
    const result = outcome === "happened" ? { result: { summary: t("A person looked and found that it was done.") } } : {};
    return this.#client.step(call_id, "settle", { outcome, attempt, ...result });
  };

  rename = (name) => this.#client.rename(name, this.#room.state.task.version);

  declineName = ({ seq }) => this.#client.declineName(seq);

  changeStatus = (to) => this.#client.changeStatus(to);

  /** Go on after a pause; while a call is in doubt the task is only `resumed`, for the person to settle it first. */
  async goOn() {
    try {
      return await this.changeStatus("active");
    } catch (failure) {
      if (failure instanceof Refused && failure.error === "unsettled") return this.changeStatus("resumed");
      throw failure;
    }
  }
}

/** The client, with each refusal for want of a sign-in told to the page. */
function askingAnew(client, onSignIn) {
  const decide = (verb) => async (...request) => {
    try {
      return await client[verb](...request);
    } catch (failure) {
      if (failure instanceof Refused && failure.error === SIGN_IN) await onSignIn(failure.body);
      throw failure;
    }
  };
  const verbs = ["step", "interruptDraft", "rename", "declineName", "changeStatus"];
  return Object.fromEntries(verbs.map((verb) => [verb, decide(verb)]));
}

const SIGN_IN = "insufficient_user_authentication";
const DECLINED = t("declined by the person");
const WORDS = {
  "wrong-state": t("Somebody decided this already."),
  "illegal-transition": t("Somebody changed the task already."),
  "another-attempt": t("It was taken again meanwhile. Please look once more."),
  "too-early": t("It is too early: the device that was lost may still be at it. Please try again later."),
  "not-active": t("The task rests. Go on with it first."),
  [SIGN_IN]: t("For this you have to have signed in a short while ago. Decide at a device where you can sign in again."),
  "stale-epoch": t("The task goes on at another device; decide there."),
  "412": t("Somebody else changed it just now. Please look once more."),
};

/** One sentence for the person. */
export function whyNot(failure) {
  if (!(failure instanceof Refused)) return t("No connection. Nothing was changed; please try again.");
  if (failure.error === "unsettled") return t("First these have to end: {calls}.", { calls: titles(failure.body.tool_calls) });
  return WORDS[failure.error] ?? WORDS[failure.status] ?? t("The server refused. Nothing was changed.");
}

const titles = (calls) => listed((calls ?? []).map(({ title }) => t("“{title}”", { title })));
