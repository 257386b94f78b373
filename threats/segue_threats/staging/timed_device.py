"""A device that goes by the clock of the stage."""

import httpx2

from segue_threats.device import Device, Twist
from segue_threats.forge import Key, Proof
from segue_threats.staging.clock import TurnedClock
from segue_threats.target import Client, Target


class TimedDevice(Device):
    """Its proofs are made when the clock says, and a 429 is an answer, not a reason to wait."""

    def __init__(
        self, target: Target, client: Client, http: httpx2.AsyncClient, *, clock: TurnedClock, key: Key | None = None
    ) -> None:
        super().__init__(target, client, http, key=key)
        self._clock = clock
        self.patient = False

    def like(self, *, key: Key | None = None, client: Client | None = None) -> Device:
        other = TimedDevice(self.target, client or self.client, self.http, clock=self._clock, key=key)
        other.nonces = dict(self.nonces)
        return other

    def proof(self, method: str, url: str, *, token: str | None = None, twist: Twist | None = None) -> str:
        def timed(proof: Proof) -> None:
            proof.claims["iat"] = self._clock()
            if twist is not None:
                twist(proof)

        return super().proof(method, url, token=token, twist=timed)
