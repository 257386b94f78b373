"""Every parser that faces the network, bounded: seeds, inputs that the campaigns kept, and drawn ones.

No wrong accept, no unhandled error, bounded time. The full form is `python -m fuzzing --seconds 3600` in tests/, whose
last figures are in specs/evidence/fuzzing.md. `SEGUE_TEST_ROUNDS` says how many inputs are drawn for each parser.
"""

import base64
import json
import re
import time
from collections.abc import Callable
from importlib import import_module
from operator import attrgetter
from urllib.parse import parse_qsl

import pytest
from fuzzing import authz_parsers, resource_parsers, signed_parsers
from fuzzing.__main__ import CORPUS, saved
from fuzzing.reading import readers
from fuzzing.table import NOT_FUZZED, PARSERS, Parser
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from rounds import rounds
from segue import dpop, jose
from segue_resource.endpoints import header

EXAMPLES = rounds(bounded=60, full=5000)
LONGEST = 5.0
"""Seconds of this thread's own time for the worst input of 64 KiB; none needs a tenth of it."""
FRAGMENTS = (
    *(
        b"\0",
        b"\n",
        b"\r\n",
        b" ",
        b"\t",
        b"%00",
        b"%ff",
        b"+",
        b"/",
        b"=",
        b"==",
        b"-",
        b"_",
        b".",
        b"..",
        b"//",
        b"\\",
    ),
    *(b'"', b"'", b"{", b"}", b"[", b"]", b":", b",", b"&", b";", b"@", b"#", b"?", b"*", b"null", b"true", b"NaN"),
    *(
        b"-1",
        b"1e400",
        b"9007199254740993",
        b"9" * 400,
        b"\\ud800",
        b"\\u0000",
        b"\xff",
        b"\xef\xbb\xbf",
        b"\xed\xa0\x80",
    ),
    *("\u017f\u212a\uff21\u202e\u0661".encode(), b"ES256", b"none", b"HS256", b"crit", b"b64", b"jwk", b"kid", b"typ"),
)
pytestmark = pytest.mark.requirement("XD-DOS-04", "XD-JOSE-07", "XD-JOSE-08", "XD-JOSE-09")


def changed(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    """A seed with some pieces cut out, put in, doubled or taken from another; or anything at all."""

    @st.composite
    def one(draw: st.DrawFn) -> bytes:
        data = draw(st.sampled_from(seeds))
        for _ in range(draw(st.integers(0, 4))):
            at = draw(st.integers(0, len(data)))
            end = min(len(data), at + draw(st.integers(0, 12)))
            piece = draw(st.sampled_from(FRAGMENTS) | st.binary(max_size=4) | st.just(data[at:end] * 2))
            data = data[:at] + piece + data[end:]
        return data

    return one() | st.binary(max_size=64)


@pytest.fixture(params=PARSERS.values(), ids=PARSERS)
def parser(request: pytest.FixtureRequest) -> Parser:
    found: Parser = request.param
    return found


def test_a_parser_answers_its_seeds_and_what_the_campaigns_kept(parser: Parser) -> None:
    for data in (*parser.seeds, *saved(parser.name)):
        parser.run(data)


def test_a_parser_answers_whatever_is_drawn(parser: Parser) -> None:
    drawn = given(changed([*parser.seeds, *saved(parser.name)]))(parser.run)
    settings(
        max_examples=EXAMPLES,
        derandomize=EXAMPLES <= 60,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
        phases=[Phase.generate, Phase.shrink],
    )(drawn)()


def test_a_parser_answers_long_input_in_time_that_grows_with_its_length(parser: Parser) -> None:
    for seed in parser.seeds[:3]:
        for piece in (seed, seed[:1], seed[-1:], b"[", b"\\", b'"', b"a.", b"%", b"%25", b"-", b" ", b'{"a":', b"&a="):
            data = seed + (piece or b"a") * (65_536 // max(1, len(piece)))
            began = time.thread_time()
            parser.run(data)
            assert time.thread_time() - began < LONGEST, piece


def test_whatever_reads_is_in_the_table_or_says_why_not() -> None:
    """Failed for a function of yours? Enter it in tests/fuzzing/*_parsers.py, or in `NOT_FUZZED` with the reason."""
    covered = {function for each in PARSERS.values() for function in each.covers}
    found = readers()
    assert all(each.covers for each in PARSERS.values())
    assert found - covered - NOT_FUZZED.keys() == set()
    assert NOT_FUZZED.keys() - found == set(), "these read nothing any more"
    assert not NOT_FUZZED.keys() & covered
    for function in sorted(covered):
        module, _, name = function.partition(":")
        assert callable(attrgetter(name)(import_module(module)))


def test_the_kept_inputs_belong_to_parsers_and_are_small() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} <= PARSERS.keys()
    assert all(file.stat().st_size <= 8192 for file in CORPUS.rglob("*") if file.is_file())


def padding_is_forgiven(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(jose, "b64url_decode", lambda text: base64.urlsafe_b64decode(text.rstrip("=") + "=="))


def any_json_will_do(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(signed_parsers, "decode_json", json.loads)


def the_last_of_two_parameters_wins(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authz_parsers, "parse", lambda data: dict(parse_qsl(data.decode("latin-1"), keep_blank_values=True)))


def a_user_name_belongs_to_an_address(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resource_parsers, "normalise", lambda text: text.lower() if text.startswith("https://") else None)


def a_number_has_many_spellings(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(header, "_NUMBER", re.compile(r"[0-9]{1,15}"))


def another_site_may_be_returned_to(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(authz_parsers, "local", lambda address: address if address.startswith("/") else "/")


def claims_are_not_looked_at(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dpop, "_match_request", lambda *_, **__: None)


FLAWS = {
    "base64url": padding_is_forgiven,
    "strict-json": any_json_will_do,
    "form": the_last_of_two_parameters_wins,
    "target-uri": a_user_name_belongs_to_an_address,
    "last-event-id": a_number_has_many_spellings,
    "return-to": another_site_may_be_returned_to,
    "signed-proof": claims_are_not_looked_at,
}


@pytest.mark.parametrize(("name", "flaw"), FLAWS.items(), ids=FLAWS)
def test_a_flaw_in_a_parser_is_found(
    name: str, flaw: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    flaw(monkeypatch)
    with pytest.raises(Exception):  # noqa: B017, PT011  a wrong accept or an unhandled error, whichever comes first
        _ask_everything(PARSERS[name])


def _ask_everything(parser: Parser) -> None:
    test_a_parser_answers_its_seeds_and_what_the_campaigns_kept(parser)
    test_a_parser_answers_whatever_is_drawn(parser)
