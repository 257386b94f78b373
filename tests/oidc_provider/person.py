"""A person at the pages of oidc-provider, as the `command` of the threat suite: named by the first argument.

Signs in under that name, presses the button of every page until the address of the client comes back, or until there
is nothing left to press.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx2

MOST = 20
"""Pages and redirects on the way to a decision."""


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Forms(HTMLParser):
    """The forms of a page, each with what it comes with."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[Form] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append(Form(said.get("action", "")))
        elif tag == "input" and self.found:
            self.found[-1].fields[said["name"]] = said.get("value", "")


def decide(url: str, typed: Mapping[str, str], *, approve: bool, redirect_uri: str | None = None) -> str:
    """Where it ends: an address of the client, or the last page's."""
    with httpx2.Client(trust_env=False) as http:
        answer = http.get(url)
        for _ in range(MOST):
            if answer.is_redirect:
                there = urljoin(str(answer.url), answer.headers["Location"])
                if redirect_uri is not None and there.startswith(redirect_uri):
                    return there
                answer = http.get(there)
                continue
            forms = Forms(answer.text).found if "html" in answer.headers.get("Content-Type", "") else []
            if answer.is_error or not forms:
                break
            form = forms[0]
            if not approve and "confirm" in form.fields:
                form.fields |= {"abort": "yes"}
            elif not approve and form.fields.get("prompt") == "consent":
                answer = http.get(str(answer.url) + "/abort")
                continue
            form.fields |= {name: value for name, value in typed.items() if name in form.fields}
            answer = http.post(urljoin(str(answer.url), form.action), data=form.fields)
    if redirect_uri is not None or answer.is_error:
        sys.exit(f"it ended at {answer.url} with {answer.status_code}")
    return str(answer.url)


def main() -> None:
    asked = json.load(sys.stdin)
    typed, approve = {"login": sys.argv[1], "password": "any"}, asked["decision"] == "approve"
    match asked["do"]:
        case "authorize":
            print(decide(asked["url"], typed, approve=approve, redirect_uri=asked["redirect_uri"]))
        case "device":
            decide(asked["verification_uri"], {**typed, "user_code": asked["user_code"]}, approve=approve)
        case unknown:
            sys.exit(f"this server has nothing to {unknown}")


if __name__ == "__main__":
    main()
