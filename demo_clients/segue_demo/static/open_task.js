// Open the task of a grant on this page: the room that follows it, the view that shows it, the driver that keeps it going.
import { AgentDriver } from "./agent_driver.js";
import { Attendance } from "./attendance.js";
import { Decisions } from "./decisions.js";
import { byId } from "./elements.js";
import { hasLostAccess } from "./refusals.js";
import { TaskClient } from "./segue/task_client.js";
import { TaskRoom } from "./task_room.js";
import { TaskView } from "./task_view.js";

/**
 * Returns the room once the task is on the page. `onLost(failure)` is called when this device has lost its access; the task is off
 * the page by then. `onBringBack()`, if there is one, is offered when the task has moved away; `onSignIn(wanted)` is called when the
 * person has to sign in anew. Throws `Refused`, `Unreachable`.
 */
export async function openTask({ grant, settings, name, onLost, onBringBack, onSignIn, onChange = () => {} }) {
  const client = new TaskClient(grant, settings.store);
  const room = new TaskRoom({ client, epoch: grant.details.epoch, name });
  let driver;
  const view = new TaskView(byId("screen-task"), {
    decisions: new Decisions({ client, room, actions: grant.details.actions, onSignIn }),
    room,
    onSay: (text) => driver.say(text),
    onEarlier: () => room.loadEarlier(),
    onBringBack,
  });
  let lost = false;
  room.addEventListener("change", () => {
    if (lost) return;
    lost = hasLostAccess(room.state.failure);
    if (lost) {
      view.clear();
      return onLost(room.state.failure);
    }
    view.render(room.state);
    onChange(room.state);
  });
  room.addEventListener("live", () => lost || view.renderLive(room.state));
  await room.open();
  new Attendance({ client, room, box: byId("say-text") });
  const onProgress = (call_id, percent) => view.setProgress(call_id, percent);
  driver = new AgentDriver({ room, client, grant, agent: settings.agent, onProgress });
  return room;
}
