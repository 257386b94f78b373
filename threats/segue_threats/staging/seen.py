"""What a person takes from a page."""

from html.parser import HTMLParser

import httpx2


class Seen(HTMLParser):
    """Facts by their name, words, whether a number is asked for, and which button lies under the finger."""

    def __init__(self, page: httpx2.Response) -> None:
        super().__init__()
        self.facts: dict[str, str] = {}
        self.words = ""
        self.asks_number = False
        self.focused: tuple[str, str] | None = None
        """The button that Enter presses as soon as the page is there: the one in focus, or the first."""
        self.error = ""
        self._inside_error = False
        self.feed(page.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if "data-fact" in given and "hidden" not in given:
            self.facts[given["data-fact"]] = given.get("data-value", "")
        self._inside_error = self._inside_error or given.get("id") == "error"
        if tag == "input" and given.get("name") == "check_value" and given.get("type") != "hidden":
            self.asks_number = True
        if tag == "button" and "name" in given and (self.focused is None or "autofocus" in given):
            self.focused = (given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        self._inside_error = self._inside_error and tag != "p"

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        self.words += f" {words}"
        if self._inside_error:
            self.error = f"{self.error} {words}".strip()
