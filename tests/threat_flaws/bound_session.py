"""Flaws of browser sessions that are bound to their device."""

from typing import Any

import sqlalchemy as sa
from segue import jose
from segue_authz.domain.bound_session import BoundSession
from segue_authz.endpoints import bound_session, browser
from segue_authz.stores.bound_sessions import BoundSessions
from segue_authz.stores.tables import bound_sessions
from segue_authz.tokens import session_proof
from segue_authz.tokens.session_binding import SessionBinding

from threat_flaws.flaw import Patch, flaw, nothing


async def always(*_: Any, **__: Any) -> bool:
    return True


@flaw("XD-DBSC-01")
def a_key_does_not_sign_its_registration(patch: Patch) -> None:
    def registration(text: str) -> session_proof.Registration:
        jws = jose.parse(text)
        claims = jws.claims()
        jwk = jose.public_jwk(jose.import_p256(jws.header["jwk"]))
        return session_proof.Registration(jwk, str(claims.get("jti")), str(claims.get("authorization")))

    patch.setattr(session_proof, "registration", registration)


@flaw("XD-DBSC-01")
def a_registration_may_be_any_token(patch: Patch) -> None:
    parse = jose.parse

    def registration(text: str) -> session_proof.Registration:
        jws = parse(text)
        try:
            key = jose.import_p256(jws.header["jwk"])
            jose.verify(jws, key)
            claims = jws.claims()
            jwk = jose.public_jwk(key)
            return session_proof.Registration(jwk, str(claims.get("jti")), str(claims.get("authorization")))
        except (KeyError, TypeError, ValueError) as wrong:
            raise session_proof.BadProof(str(wrong)) from wrong

    patch.setattr(session_proof, "registration", registration)


@flaw("XD-DBSC-02", "a session is bound again or by another")
def a_session_is_bound_as_often_as_somebody_asks(patch: Patch) -> None:
    async def register(self: BoundSessions, session: BoundSession) -> bool:
        def work(connection: sa.Connection) -> bool:
            connection.execute(bound_sessions.delete().where(bound_sessions.c.session_id == session.session_id))
            return connection.execute(bound_sessions.insert(), vars(session)).rowcount == 1

        return await self._database.write(work)

    patch.setattr(BoundSessions, "register", register)


@flaw("XD-DBSC-02", "a session is bound long after the sign in")
def an_offer_has_no_end(patch: Patch) -> None:
    accepts = SessionBinding.accepts_registration

    def accepts_ever(self: SessionBinding, challenge: str, session_id: str, *, now: int) -> bool:
        return accepts(self, challenge, session_id, now=0)

    patch.setattr(SessionBinding, "accepts_registration", accepts_ever)


@flaw("XD-DBSC-03")
def a_challenge_is_good_for_ever_so_many_refreshes(patch: Patch) -> None:
    patch.setattr(BoundSessions, "spend", always)


@flaw("XD-DBSC-03")
def a_refresh_is_verified_with_the_key_it_brings(patch: Patch) -> None:
    class Gullible(session_proof.Refresh):
        def is_by(self, jwk: Any) -> bool:
            return super().is_by(self.jws.header.get("jwk", jwk))

    def refresh(text: str) -> session_proof.Refresh:
        try:
            jws = jose.parse(text)
        except jose.Malformed as wrong:
            raise session_proof.BadProof(str(wrong)) from wrong
        return Gullible(jws, str(jws.claims().get("jti")))

    patch.setattr(session_proof, "refresh", refresh)


@flaw("XD-DBSC-03")
def a_challenge_is_good_for_every_session(patch: Patch) -> None:
    issue, accepts = SessionBinding.challenge, SessionBinding.accepts_challenge
    patch.setattr(SessionBinding, "challenge", lambda self, _, *, until: issue(self, "", until=until))
    patch.setattr(SessionBinding, "accepts_challenge", lambda self, text, _, *, now: accepts(self, text, "", now=now))


@flaw("XD-DBSC-04")
def a_bound_session_does_without_its_bound_cookie(patch: Patch) -> None:
    patch.setattr(browser, "_proved", lambda *_: True)


@flaw("XD-DBSC-04")
def nobody_hears_of_a_missing_bound_cookie(patch: Patch) -> None:
    patch.setattr(browser._LOG, "log", nothing)


@flaw("XD-DBSC-05")
def any_site_may_ask_for_a_refresh(patch: Patch) -> None:
    patch.setattr(bound_session, "check_origin", nothing)


@flaw("XD-DBSC-05")
def a_refresh_may_be_framed(patch: Patch) -> None:
    patch.setattr(bound_session, "_HEADERS", {})


@flaw("XD-DBSC-06", "a bound cookie is kept for later")
def a_bound_cookie_has_no_end(patch: Patch) -> None:
    accepts = SessionBinding.accepts_cookie

    def accepts_ever(self: SessionBinding, cookie: str, session_id: str, *, now: int) -> bool:
        return accepts(self, cookie, session_id, now=0)

    patch.setattr(SessionBinding, "accepts_cookie", accepts_ever)


@flaw("XD-DBSC-06", "a bound session outlives its end")
def a_bound_session_is_refreshed_after_its_end(patch: Patch) -> None:
    async def current(self: BoundSessions, session_id: str, *, now: int) -> BoundSession | None:
        del now
        statement = sa.select(bound_sessions).where(bound_sessions.c.session_id == session_id)
        row = await self._database.read(lambda connection: connection.execute(statement).one_or_none())
        return None if row is None else BoundSession(row.session_id, row.identifier, row.jwk, row.registered_at)

    patch.setattr(BoundSessions, "current", current)
