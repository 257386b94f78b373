"""Templates of the pages that the lab writes: one file each, no scripts, nothing loaded from elsewhere."""

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

_FOLDER = Path(__file__).parent


def sheet(name: str) -> Template:
    """A template that knows the style of the reports."""
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = "\n".join((_FOLDER / file).read_text("utf-8") for file in ("report.css", "lab.css"))
    environment.globals["style"] = Markup(style)  # noqa: S704  # ours
    environment.filters["written"] = written
    environment.filters["breakable"] = breakable
    return environment.get_template(name)


def written(text: str) -> Markup:
    """Text of ours in which `` `words` `` are code and `*words*` are what stands on a button."""
    marked = re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text)))
    return Markup(re.sub(r"\*([^*]+)\*", r"<em>\1</em>", marked))  # noqa: S704  # escaped above


def breakable(name: str) -> Markup:
    """The name of a setting, which may go on in the next line after an underscore."""
    return Markup(str(escape(name)).replace("_", "_<wbr>"))  # noqa: S704  # escaped
