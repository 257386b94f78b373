"""`segue authz` as a process, with npm `oidc-provider` beside it at which its people may sign in."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from deployment import Deployment
from foreign_server import foreign_provider

NAME, LABEL = "there", "The provider there"


@dataclass(frozen=True)
class UpstreamStage:
    """`issuer` is the provider's."""

    deployment: Deployment
    issuer: str
    folder: Path

    @property
    def here(self) -> str:
        return self.deployment.site.issuer

    def logged(self) -> str:
        return (self.folder / "authz" / "log").read_text()

    def browser(self) -> httpx2.Client:
        """With cookies of its own; redirects are followed by hand."""
        return httpx2.Client(base_url=self.here, trust_env=False, timeout=30)


@contextmanager
def upstream_stage(folder: Path, *, admits: str = "anybody") -> Iterator[UpstreamStage]:
    deployment, secret = Deployment(folder, database=None, redis=None), secrets.token_urlsafe(32)
    here, there = deployment.site.issuer, folder / "provider"
    there.mkdir()
    registered = {
        "client_id": "segue",
        "client_secret": secret,
        "redirect_uris": [f"{here}/sign-in/upstream/{NAME}/callback"],
        "post_logout_redirect_uris": [f"{here}/signed-out"],
        "backchannel_logout_uri": f"{here}/sign-in/upstream/{NAME}/logout",
    }
    with foreign_provider(there, registered) as issuer:
        (folder / "upstream-secret").write_text(f"{secret}\n")
        lines = [f"[providers.{NAME}]", f'label = "{LABEL}"', f'issuer = "{issuer}"', 'client_id = "segue"']
        lines += ['client_secret_file = "upstream-secret"', f'admits = "{admits}"']
        (folder / "upstream.toml").write_text("\n".join(lines))
        deployment.more["SEGUE_AUTHZ_UPSTREAM"] = str(folder / "upstream.toml")
        deployment.prepare()
        deployment.start("authz")
        try:
            yield UpstreamStage(deployment, issuer, folder)
        finally:
            deployment.kill()
