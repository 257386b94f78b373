"""Target URIs are compared in one form, and servers are configured with nothing that would not compare."""

import pytest
from segue import target_uri

BASE = "https://tasks.example/a"


@pytest.mark.requirement("XD-DPOP-06", "RFC9449-4-3-9")
@pytest.mark.parametrize(
    "spelling",
    [
        "HTTPS://tasks.example/a",
        "https://TASKS.Example/a",
        "https://tasks.example:443/a",
        BASE + "?b=c",
        BASE + "#d",
        BASE + "?b#d?",
    ],
)
def test_equivalent_spellings_have_one_form(spelling: str) -> None:
    assert target_uri.normalise(spelling) == BASE


@pytest.mark.parametrize(
    "uri",
    [
        "http://tasks.example/a",
        "https://tasks.example:80/a",
        "https://tasks.example/A",
        "https://tasks.example/a/",
        "https://tasks.example/%61",
        "https://tasks.example./a",
        "https://tasks.example",
    ],
)
def test_other_targets_have_another_form(uri: str) -> None:
    assert target_uri.normalise(uri) not in (None, BASE)


@pytest.mark.requirement("XD-DPOP-06")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/a",
        "tasks.example/a",
        "ftp://tasks.example/a",
        "https:///a",
        "https://u@tasks.example/a",
        "https://u:p@tasks.example/a",
        "https://tasks.example:/a",
        "https://tasks.example:0443/a",
        "https://tasks.example:+443/a",
        "https://tasks.example:\uff14\uff14\uff13/a",
        "https://tasks.example\\a",
        "https://tasks.example/a b",
        "https://tasks.example/a\n",
        " https://tasks.example/a",
        "ht\ttps://tasks.example/a",
        "http\u017f://tasks.example/a",
        "https://tas\u212as.example/a",
        "https://täsks.example/a",
        "https://tasks.example/ä",
    ],
)
def test_what_is_no_http_uri_has_no_form(uri: str) -> None:
    assert target_uri.normalise(uri) is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://id.example",
        "https://id.example/t/1",
        "http://localhost:8400",
        "http://127.0.0.1:8400",
        "http://[::1]:8400",
    ],
)
def test_a_protected_address_can_name_a_server(uri: str) -> None:
    target_uri.require_identifier(uri, what="issuer")


@pytest.mark.requirement("XD-TOK-01")
@pytest.mark.parametrize(
    "uri",
    [
        "",
        "id.example",
        "http://id.example",
        "http://localhost.evil.example",
        "http://127.0.0.1.evil.example",
        "https://id.example/",
        "https://ID.example",
        "https://id.example:443",
        "https://id.example?a",
        "https://id.example#a",
        'https://id.example/"',
        "https://id.example/\\",
    ],
)
def test_another_text_cannot_name_a_server(uri: str) -> None:
    with pytest.raises(ValueError, match="issuer is"):
        target_uri.require_identifier(uri, what="issuer")


@pytest.mark.requirement("RFC8414-3-1", "RFC9728-3-1")
def test_the_well_known_address_puts_the_suffix_before_the_path() -> None:
    assert target_uri.well_known("https://id.example", "x") == "https://id.example/.well-known/x"
    assert target_uri.well_known("https://id.example/t/1", "x") == "https://id.example/.well-known/x/t/1"
