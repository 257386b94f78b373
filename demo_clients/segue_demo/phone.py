"""The phone page: a Consumption Device in a browser."""

from starlette.applications import Starlette

from segue_demo import pages
from segue_demo.site import PHONE_ACTIONS, Site


def create_app(site: Site) -> Starlette:
    """Serve it at `site.phone`."""
    settings = {
        "issuer": site.issuer,
        "store": site.store,
        "agent": site.agent,
        "client_id": site.phone_client_id,
        "actions": sorted(PHONE_ACTIONS),
        "self_made_certificate": site.self_made_certificate,
    }
    return pages.create_app("phone", settings=settings, servers=[site.issuer, site.store, site.agent], camera=True)
