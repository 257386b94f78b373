"""`segue bench middleware`: every way really serves, refuses what it must, and misses a target when it is slower."""

import asyncio

import pytest
from cryptography.exceptions import InvalidSignature
from joserfc.errors import JoseError
from jwt import PyJWTError
from segue_bench.peers import Refused
from segue_bench.subjects.middleware.python_libraries import serve
from segue_bench.subjects.middleware.request import AUDIENCE, ISSUER, METHOD, URL, Sender, Sent
from segue_bench.subjects.middleware.way import Bare, BareTwice, Middleware

pytestmark = pytest.mark.requirement("E1")
NONCE = "nonce"


@pytest.mark.parametrize("name", serve.LIBRARIES)
def test_a_librarys_way_refuses_what_it_must(name: str) -> None:
    """Or the comparison would be with something that checks less."""
    sender = Sender()
    setting = {"audience": AUDIENCE, "issuer": ISSUER, "url": URL, "method": METHOD, "nonce": NONCE}
    library = serve.LIBRARIES[name]({**setting, "jwk": sender.issuer.jwks["keys"][0]})

    def served(sent: Sent) -> None:
        asyncio.run(library.serve(library.scope({"token": sent.token, "proof": sent.proof})))

    (good,) = sender.known(1, nonce=NONCE)
    (other,) = sender.new_device(1, nonce=NONCE)
    (stale,) = sender.known(1, nonce="another")
    served(good)
    head, payload, _ = good.token.split(".")
    forged = f"{head}.{payload}.{other.token.split('.')[2]}"
    (with_forged,) = sender.known(1, nonce=NONCE)
    for bad in (good, stale, Sent(good.token, other.proof), Sent(forged, with_forged.proof)):
        with pytest.raises((serve.Refused, JoseError, PyJWTError)):
            served(bad)


def test_the_middlewares_way_refuses_what_it_must() -> None:
    sender = Sender()
    middleware = Middleware(sender)
    (good,) = sender.known(1, nonce=middleware.nonce)
    middleware.times([good])
    for bad in (good, sender.known(1, nonce="another")[0]):
        with pytest.raises(Refused):
            middleware.times([bad])
    middleware.close()


def test_the_floors_verify_every_signature_that_they_are_for() -> None:
    sender = Sender()
    good, other = sender.new_token(2, nonce="x")
    header, payload, _ = good.proof.split(".")
    with_wrong_proof = Sent(good.token, f"{header}.{payload}.{other.proof.split('.')[2]}")
    header, payload, _ = good.token.split(".")
    with_wrong_token = Sent(f"{header}.{payload}.{other.token.split('.')[2]}", good.proof)
    twice = BareTwice(sender.issuer.private_key.public_key())
    assert len(Bare().times([good])) == len(twice.times([good])) == 1
    for floor, wrong in ((Bare(), with_wrong_proof), (twice, with_wrong_proof), (twice, with_wrong_token)):
        with pytest.raises(InvalidSignature):
            floor.times([wrong])
