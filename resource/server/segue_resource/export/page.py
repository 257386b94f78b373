"""The page of an export that a person reads: one file without scripts, for a phone, a desk and paper."""

import json
from datetime import UTC, datetime
from html import escape
from typing import Any

from segue_resource.domain.event import Event
from segue_resource.domain.task import Task
from segue_resource.domain.tool_call import ToolCall
from segue_resource.domain.working_set import Item
from segue_resource.stores.participants import Participant

_STYLE = """\
:root { color-scheme: light dark; --line: #d8d8d2; --soft: #6b6b66; --back: #fdfdfb; --ink: #1d1d1b; --mark: #0b5c8a; }
@media (prefers-color-scheme: dark) {
  :root { --line: #3a3a38; --soft: #a3a39d; --back: #191918; --ink: #ececea; --mark: #7cc4ee; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 1.5rem 1rem 4rem; background: var(--back); color: var(--ink);
  font: 1rem/1.55 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.15rem; margin: 2.5rem 0 .75rem; padding-bottom: .3rem; border-bottom: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 0; }
p, dl, ul, pre { margin: .4rem 0; }
dl { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .15rem 1rem; }
dt, .soft { color: var(--soft); }
dd { margin: 0; }
.soft { font-size: .85rem; }
article { padding: .7rem 0; border-top: 1px solid var(--line); }
h2 + article, p + article { border-top: 0; padding-top: .2rem; }
.said { white-space: pre-wrap; }
.customer h3 { color: var(--mark); }
pre { white-space: pre-wrap; font: .85rem/1.45 ui-monospace, monospace; color: var(--soft); }
.step { padding: .15rem 0; font-size: .85rem; color: var(--soft); }
.gone { opacity: .65; }
.tag { border: 1px solid var(--line); border-radius: .5rem; padding: 0 .4rem; font-size: .8rem; color: var(--soft); }
@media print {
  :root { --line: #bbb; --soft: #555; --back: #fff; --ink: #000; --mark: #000; }
  body { max-width: none; padding: 0; font-size: 10.5pt; }
  article { break-inside: avoid; }
  h2 { break-after: avoid; }
}
"""
_WHO = {"customer": "Customer", "agent": "Agent", "human_agent": "Human agent", "supervisor": "Supervisor"}
_GROUPS = (
    ("decision", "Decisions"),
    ("fact", "Facts"),
    ("constraint", "Constraints"),
    ("question", "Questions"),
    ("output", "Results"),
    ("document", "Documents"),
)


def beginning(task: Task, people: list[Participant], *, made_at: int) -> str:
    """Everything down to the working set."""
    name = task.name or "(without a name)"
    facts = {
        "Status": str(task.status),
        "Begun": time_text(task.created_at),
        "Events": f"{task.head:,}",
        "Task": task.task_id,
        "Exported": time_text(made_at),
    }
    rows = "".join(f"<dt>{label}</dt><dd>{_text(value)}</dd>" for label, value in facts.items())
    taking_part = "".join(_person(person) for person in people)
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{_text(name)}</title>
<style>
{_STYLE}</style>
</head>
<body>
<h1>{_text(name)}</h1>
<dl>{rows}</dl>
<h2>Who took part</h2>
<ul>{taking_part}</ul>
"""


def working_set(items: list[Item]) -> str:
    """What stands, decisions first."""
    parts = ["<h2>Where it stands</h2>\n"]
    for kind, heading in _GROUPS:
        found = [item for item in items if item.type == kind]
        if found:
            parts.append(f'<p class="soft">{heading}</p>\n{"".join(map(_item, found))}')
    return "".join(parts) if len(parts) > 1 else parts[0] + "<p>Nothing was noted.</p>\n"


def tool_call(call: ToolCall) -> str:
    """One call with its outcome."""
    outcome = call.error if call.error is not None else call.result
    parts = [f"<article><h3>{_text(call.title or '(erased)')} {_tag(call.state)}</h3>"]
    parts.append(f'<p class="soft">{_text(call.tool)}, {_text(call.effect)}</p>')
    parts += [_details(call.arguments)] if call.arguments else []
    parts += [f'<p class="soft">Outcome</p>{_details(outcome)}'] if outcome is not None else []
    return "".join(parts) + "</article>\n"


def event(found: Event, *, hidden: bool) -> str:
    """A message as it was said; anything else as one line."""
    said = found.body.get("text")
    gone = " gone" if hidden else ""
    when = f'<span class="soft">{time_text(found.at)}, event {found.seq}</span>'
    if not isinstance(said, str):
        return f'<div class="step{gone}">{time_text(found.at)} · {_text(_line(found))}</div>\n'
    role = _WHO.get(found.role, found.role)
    return (
        f'<article class="{_text(found.role)}{gone}"><h3>{_text(role)}</h3>{when}'
        f'<div class="said" dir="auto">{_text(said)}</div></article>\n'
    )


def heading(text: str) -> str:
    return f"<h2>{_text(text)}</h2>\n"


def end() -> str:
    return (
        '<p class="soft">This page shows what the other files of the archive hold: README.txt says which.</p>\n'
        "</body>\n</html>\n"
    )


def time_text(at: int) -> str:
    """In UTC, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _line(found: Event) -> str:
    """The kind in words, and what of the body is a short text."""
    about = [
        str(found.body[name])
        for name in ("title", "name", "path", "to", "state", "reason", "role", "summary")
        if found.body.get(name)
    ]
    words = found.kind.replace("_", " ").replace(".", " ")
    return f"{words}: {', '.join(about)}" if about else words


def _item(item: Item) -> str:
    body = f'<div class="said" dir="auto">{_text(item.body)}</div>' if item.body else ""
    when = f'<span class="soft">{time_text(item.updated_at)}, version {item.version}</span>'
    return f"<article><h3>{_text(item.title or '(erased)')} {_tag(item.status)}</h3>{when}{body}</article>\n"


def _person(person: Participant) -> str:
    until = "" if person.left_at is None else f", until {time_text(person.left_at)}"
    since = "" if person.joined_at is None else f" since {time_text(person.joined_at)}"
    return f"<li>{_text(person.sub)}: {_text(_WHO.get(person.role, person.role))}{since}{until}</li>"


def _details(value: Any) -> str:
    shown = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    return f'<pre dir="auto">{_text(shown)}</pre>'


def _tag(text: str) -> str:
    return f'<span class="tag">{_text(text)}</span>'


def _text(value: object) -> str:
    """Escaped, and without what turns text around: it could make one person's words look like another's."""
    kept = str(value).translate(_TURNING)
    return escape(kept)


_TURNING = dict.fromkeys((*range(0x202A, 0x202F), *range(0x2066, 0x206A)), None)
