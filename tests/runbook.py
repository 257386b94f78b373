"""The runbook as data: its sections, what each names, and the commands that stand in it."""

import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent.parent / "specs" / "runbook.md"


@dataclass(frozen=True)
class Section:
    title: str
    text: str

    @property
    def name(self) -> str:
        """As its rehearsal is called."""
        return re.sub(r"[^a-z0-9]+", "_", self.title.lower()).strip("_")

    @property
    def anchor(self) -> str:
        """As a link names it."""
        return self.title.lower().replace(" ", "-")

    def named(self, pattern: str) -> set[str]:
        """What stands in it as code and fits the pattern."""
        return {found for found in re.findall(r"`([^`\n]+)`", self.text) if re.fullmatch(pattern, found)}

    def command(self, command: str, **words: str) -> str:
        """The command, which must stand here just so, with its words in capitals replaced."""
        assert f"`{command}`" in self.text, f"{command} does not stand in {self.title}"
        for name, word in words.items():
            assert name in command, name
            command = command.replace(name, word)
        return command

    def tells(self, *said: str) -> None:
        """Fail unless it names these."""
        for each in said:
            assert f"`{each}`" in self.text, f"{each} does not stand in {self.title}"


def sections() -> list[Section]:
    parts = re.split(r"^## (.+)$", FILE.read_text("utf-8"), flags=re.MULTILINE)[1:]
    return [Section(title, text) for title, text in zip(parts[::2], parts[1::2], strict=True)]


def section(name: str) -> Section:
    return next(found for found in sections() if found.name == name)
