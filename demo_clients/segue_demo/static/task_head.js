// The head of a task: its name and a name that the agent proposes, whether it goes on or rests, and who may change that.
import { choice } from "./choice.js";
import { byId, element, say } from "./elements.js";
import { t } from "./text.js";

const LONGEST_NAME = 200; // characters
const RESTING = {
  paused: t("This task is paused. What runs may finish; nothing new begins until somebody goes on."),
  closed: t("This task is closed. It stays as it was, to be read."),
  archived: t("This task is in the archive. It stays as it was, to be read."),
};

/** Whether nothing new may begin in a task of this status. */
export const rests = (status) => status in RESTING;

/** Whether nothing can be said any more either. */
export const hasEnded = (status) => rests(status) && status !== "paused";

export class TaskHead {
  #decisions;
  #task = { status: "open" };
  #proposal;
  #steering;

  constructor(decisions) {
    this.#decisions = decisions;
    byId("rename").onclick = () => this.#askName(this.#task.name);
    this.#proposal = choice([
      [t("No, thank you"), () => decisions.declineName(this.#task.name_proposal)],
      [t("Rename"), async () => this.#askName(this.#task.name_proposal.name)],
      [t("Keep this name"), () => decisions.rename(this.#task.name_proposal.name), ""],
    ]);
    byId("proposal").append(this.#proposal.place);
    const naming = choice([[t("Leave the name"), async () => this.#endNaming()]]);
    naming.buttons[0].after(element("button", { type: "submit" }, t("Save name")));
    byId("naming").append(naming.place);
    byId("naming").addEventListener("submit", (event) => {
      event.preventDefault();
      naming.attempt(async () => {
        await decisions.rename(byId("new-name").value.trim());
        this.#endNaming();
      });
    });
    this.#steering = choice([
      [t("Pause"), () => decisions.changeStatus("paused")],
      [t("Go on with it"), () => decisions.goOn(), ""],
      [t("Close task"), async () => this.#askClosing(true)],
      [t("Keep it open"), async () => this.#askClosing(false)],
      [t("Yes, close it"), () => decisions.changeStatus("closed"), ""],
    ]);
    byId("steering").append(this.#steering.place);
    this.#askClosing(false);
  }

  /** The focus goes on to what can be done next, or to the task's name, when the button that had it goes. */
  render(state) {
    const place = ["proposal", "naming", "steering"].map(byId).find((one) => one.contains(document.activeElement));
    this.#show(state);
    const focused = document.activeElement;
    if (!place || (focused !== document.body && focused.checkVisibility())) return;
    const next = [...place.querySelectorAll("button")].find((button) => button.checkVisibility());
    (next ?? byId("task-name")).focus();
  }

  #show({ task, writable }) {
    const may = writable && this.#decisions.mayDirect;
    const asking = !this.#steering.buttons.at(-1).hidden;
    if (asking && task.status !== this.#task.status) this.#askClosing(false);
    this.#task = task;
    say(byId("task-name"), task.name);
    say(byId("resting"), RESTING[task.status] ?? "");
    byId("resting").hidden = !rests(task.status);
    const nameable = may && !hasEnded(task.status);
    byId("rename").hidden = !nameable || !byId("naming").hidden;
    if (!nameable) byId("naming").hidden = true;
    const proposed = task.name_proposal?.name;
    byId("proposal").hidden = !proposed || hasEnded(task.status) || !byId("naming").hidden;
    this.#proposal.place.hidden = !nameable;
    say(byId("proposed-name"), proposed ? t("The agent proposes to call this task “{name}”.", { name: proposed }) : "");
    byId("steering").hidden = !may || hasEnded(task.status);
    this.#showSteering();
  }

  #showSteering() {
    const [pause, goOn, close, no, yes] = this.#steering.buttons;
    const asking = !yes.hidden;
    const paused = this.#task.status === "paused";
    pause.hidden = asking || paused;
    goOn.hidden = asking || !(paused || this.#task.status === "resumed");
    close.hidden = asking;
    no.hidden = !asking;
  }

  #askClosing(asking) {
    const [, , close, no, yes] = this.#steering.buttons;
    const hadFocus = byId("steering").contains(document.activeElement);
    yes.hidden = !asking;
    this.#showSteering();
    say(byId("closing-words"), asking ? t("Once closed, this task can only be read.") : "");
    if (hadFocus) (asking ? no : close).focus();
  }

  #askName(name) {
    byId("naming").hidden = false;
    byId("rename").hidden = byId("proposal").hidden = true;
    byId("new-name").value = name;
    byId("new-name").focus();
    byId("new-name").select();
  }

  #endNaming() {
    byId("naming").hidden = true;
    byId("rename").hidden = false;
    byId("proposal").hidden = !this.#task.name_proposal;
    byId("task-name").focus();
  }
}

/** The places that `TaskHead` fills, in the page's order. */
export function headPlaces() {
  return [
    element("div", { className: "titled" },
      element("h1", { id: "task-name", tabIndex: -1, dir: "auto" }),
      element("button", { id: "rename", type: "button", className: "quiet small", hidden: true, aria: { label: t("Rename this task") } },
        t("Rename"))),
    element("form", { id: "naming", hidden: true },
      element("label", { htmlFor: "new-name" }, t("Name of this task")),
      element("input", { id: "new-name", dir: "auto", required: true, maxLength: LONGEST_NAME, autocomplete: "off" })),
    element("div", { id: "proposal", className: "ask", hidden: true },
      element("p", { id: "proposed-name", role: "status" })),
    element("div", { role: "status" }, element("p", { id: "resting", className: "banner", hidden: true })),
  ];
}

/** The buttons that pause, go on and close. */
export function steeringPlace() {
  return element("div", { id: "steering", role: "group", hidden: true, aria: { label: t("This task") } },
    element("p", { id: "closing-words", className: "note", role: "status" }));
}
