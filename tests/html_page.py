"""Reads an HTML page as a test wants to: its elements, what they say, and the facts they are marked with."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from starlette.responses import Response

_VOID = {"br", "img", "input", "link", "meta"}


@dataclass
class Element:
    """One element; `children` are elements and pieces of text in order."""

    tag: str
    attributes: dict[str, str]
    children: "list[Element | str]" = field(default_factory=list)

    @property
    def text(self) -> str:
        """The text inside, as it stands."""
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def words(self) -> str:
        """The text inside, with white space as a browser shows it."""
        return " ".join(self.text.split())

    def all(self, tag: str = "", **attributes: str) -> "list[Element]":
        """Every element below, in order, with this tag and these attributes (`_` in a name stands for `-`)."""
        wanted = {name.strip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [each for each in self._below() if tag in ("", each.tag) and wanted.items() <= each.attributes.items()]

    def one(self, tag: str = "", **attributes: str) -> "Element":
        """The only such element."""
        (found,) = self.all(tag, **attributes)
        return found

    def fact(self, name: str) -> "Element":
        """The element that carries this fact."""
        return self.one(data_fact=name)

    def fields(self) -> dict[str, str]:
        """What a form sends besides its button, as it was loaded; radio buttons only when checked."""
        inputs = [
            each for each in self.all("input") if each.attributes.get("type") != "radio" or "checked" in each.attributes
        ]
        return {each.attributes["name"]: each.attributes.get("value", "") for each in inputs}

    def _below(self) -> "Iterator[Element]":
        for child in self.children:
            if isinstance(child, Element):
                yield child
                yield from child._below()


def form_of(page: Element, button: Element) -> Element:
    """The form a button sends: the one it names, or the one around it."""
    if "form" in button.attributes:
        return page.one("form", id=button.attributes["form"])
    return next(form for form in page.all("form") if button in form.all("button"))


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("", {})]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(element)
        if tag not in _VOID:
            self.open.append(element)

    def handle_endtag(self, tag: str) -> None:
        closed = self.open.pop()
        if closed.tag != tag:
            raise ValueError(f"<{closed.tag}> is closed by </{tag}>")

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read_page(page: Response | str, *, foot: bool = False) -> Element:
    """The page's root. ValueError when its tags do not nest. The foot, the same on all pages, only when wanted."""
    reader = _Reader()
    reader.feed(page if isinstance(page, str) else bytes(page.body).decode())
    reader.close()
    if len(reader.open) != 1:
        raise ValueError(f"<{reader.open[-1].tag}> is never closed")
    root = reader.open[0]
    if not foot:
        for body in root.all("body"):
            body.children = [
                child for child in body.children if not isinstance(child, Element) or child.tag != "footer"
            ]
    return root
