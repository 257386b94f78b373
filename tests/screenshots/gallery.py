"""`specs/pages/README.md`: the pictures, side by side."""

from scenes import shown

from screenshots.picture import KEY, LANGUAGES, DemoPicture, Picture, demo_pictures

_HEAD = """\
# What people see

Every page of the authorization server in every state, and the demo while a task moves. Made by

```
cd tests && ../.venv/bin/python -m screenshots
```

which needs Chromium; a test fails when a page has changed since its picture was taken. The same scenes are what the
tests look at for WCAG 2.2 AA, with axe-core, a keyboard, hostile names, a slow line and paper (`tests/scenes`).
"""


def gallery() -> str:
    """The whole page."""
    screens = list(demo_pictures())
    others = [each.name for each in shown.scenes() if each.name not in KEY]
    return "\n".join(
        [
            _HEAD,
            "## The pages, by day and by night",
            *(_key(name) for name in KEY),
            "## In other languages",
            _row([(f"{LANGUAGES[each]}", Picture("approve requested", language=each).file) for each in LANGUAGES]),
            "## The demo",
            *(_row([_demo(each) for each in screens[at : at + 2]], width=420) for at in range(0, len(screens), 2)),
            "## Every other state",
            *(_row([(name, Picture(name).file) for name in others[at : at + 3]]) for at in range(0, len(others), 3)),
        ]
    )


def _demo(picture: DemoPicture) -> tuple[str, str]:
    return f"{picture.screen}{' by night' * picture.dark}", picture.file


def _key(name: str) -> str:
    phones = [(said, Picture(name, dark=dark).file) for said, dark in (("by day", False), ("by night", True))]
    desktops = [(said, Picture(name, wide=True, dark=dark).file) for said, dark in (("desktop", False), ("", True))]
    return f"### {name}\n\n{_row(phones)}\n{_row(desktops, width=420)}"


def _row(cells: list[tuple[str, str]], *, width: int = 270) -> str:
    images = [f'<img src="{file}" width="{width}" alt="{said or file.removesuffix(".png")}">' for said, file in cells]
    heads = " | ".join(said or " " for said, _ in cells)
    return f"| {heads} |\n|{'---|' * len(cells)}\n| {' | '.join(images)} |\n"
