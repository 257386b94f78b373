"""Every challenge the middleware can send, held to the grammar and the words of RFC 6750, 9110, 9449 and 9728."""

import re
from collections.abc import Iterator

import pytest
from segue.authority import ACTIONS
from segue.challenge import InsufficientScope, refusal_problem
from segue.credentials import InvalidRequest, TokenMissing
from segue.dpop import InvalidDPoPProof, UseDPoPNonce, WrongKey
from segue.problem import Problem
from segue.refusal import Refused
from segue.task_token import InvalidToken

pytestmark = pytest.mark.requirement("E1")
AUDIENCE = "https://agent.example/a"
KINDS = (TokenMissing, InvalidRequest, InvalidToken, InvalidDPoPProof, WrongKey, UseDPoPNonce, InsufficientScope)
_PARAMETER = r'([!#$%&\'*+.^_`|~0-9A-Za-z-]+)="((?:[\t \x21\x23-\x5b\x5d-\x7e]|\\[\t\x20-\x7e])*)"'


def refusals() -> Iterator[Problem]:
    for kind in KINDS:
        yield refusal_problem(kind("words of ours"), audience=AUDIENCE)


def parameters(challenge: str) -> list[tuple[str, str]]:
    """RFC 9110 section 11.6.1: the scheme, a space, and parameters with commas between them."""
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "DPoP"
    assert re.fullmatch(rf"{_PARAMETER}(, {_PARAMETER})*", rest)
    return re.findall(_PARAMETER, rest)


@pytest.mark.requirement("RFC6750-3-1")
def test_rfc6750_3_every_refusal_has_one_challenge_with_each_parameter_once() -> None:
    for problem in refusals():
        assert list(problem.headers) == ["WWW-Authenticate"]
        names = [name for name, _ in parameters(problem.headers["WWW-Authenticate"])]
        assert len(names) == len(set(names))
        assert set(names) <= {"error", "error_description", "algs", "resource_metadata"}


@pytest.mark.requirement("RFC6750-3-1")
def test_rfc6750_3_error_and_its_description_have_the_characters_they_may_have() -> None:
    for problem in refusals():
        for name, value in parameters(problem.headers["WWW-Authenticate"]):
            if name.startswith("error"):
                assert re.fullmatch(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+", value)


@pytest.mark.requirement("RFC6750-3-1", "RFC9449-9")
@pytest.mark.parametrize(
    ("kind", "status", "error"),
    [
        (InvalidRequest, 400, "invalid_request"),
        (InvalidToken, 401, "invalid_token"),
        (InsufficientScope, 403, "insufficient_scope"),
        (InvalidDPoPProof, 401, "invalid_dpop_proof"),
        (WrongKey, 401, "invalid_token"),
        (UseDPoPNonce, 401, "use_dpop_nonce"),
    ],
)
def test_rfc6750_3_1_and_rfc9449_7_1_each_error_code_has_its_status(
    kind: type[Refused], status: int, error: str
) -> None:
    problem = refusal_problem(kind("words of ours"), audience=AUDIENCE)
    assert (problem.status, problem.members["error"]) == (status, error)
    assert dict(parameters(problem.headers["WWW-Authenticate"]))["error"] == error


@pytest.mark.requirement("RFC6750-3-1")
def test_rfc6750_3_1_a_request_without_authentication_is_told_no_error() -> None:
    problem = refusal_problem(TokenMissing("words of ours"), audience=AUDIENCE)
    names = [name for name, _ in parameters(problem.headers["WWW-Authenticate"])]
    assert (problem.status, names) == (401, ["algs", "resource_metadata"])


def test_rfc9449_7_1_algs_is_a_list_with_spaces_between_and_never_none() -> None:
    for problem in refusals():
        assert dict(parameters(problem.headers["WWW-Authenticate"]))["algs"].split(" ") == ["ES256"]


@pytest.mark.requirement("RFC9728-5-1")
def test_rfc9728_5_1_resource_metadata_is_the_address_of_the_metadata() -> None:
    for problem in refusals():
        found = dict(parameters(problem.headers["WWW-Authenticate"]))["resource_metadata"]
        assert found == "https://agent.example/.well-known/oauth-protected-resource/a"


@pytest.mark.requirement("RFC6750-3-1")
def test_what_was_required_is_told_in_the_body() -> None:
    asked = sorted(ACTIONS)[:2]
    problem = refusal_problem(InsufficientScope("words of ours"), audience=AUDIENCE, actions=asked)
    assert problem.members["actions"] == asked
