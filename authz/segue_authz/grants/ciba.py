"""The CIBA grant (CIBA Core sections 10.1 and 11): a request that a person has approved is redeemed.

As a device code is, by the key that asked; the answer has an ID token too.
"""

from dataclasses import replace

from segue_authz.grants.device_code import DeviceCodeGrant
from segue_authz.grants.request import Granted, TokenRequest


class CibaGrant(DeviceCodeGrant):
    parameter = "auth_req_id"

    async def grant(self, request: TokenRequest) -> Granted:
        return replace(await super().grant(request), openid=True)

    def _code(self, transfer_id: str, jkt: str) -> str:
        return self._derivation.auth_req_id(transfer_id, jkt)
