"""The desktop page: an Authorization Device in a browser."""

from starlette.applications import Starlette

from segue_demo import pages
from segue_demo.site import DESKTOP_ACTIONS, TASK_NAME, Site


def create_app(site: Site) -> Starlette:
    """Serve it at `site.desktop`."""
    settings = {
        "issuer": site.issuer,
        "store": site.store,
        "agent": site.agent,
        "client_id": site.desktop_client_id,
        "redirect_uri": site.desktop_redirect_uri,
        "consumption_uri": site.phone_consumption_uri,
        "actions": sorted(DESKTOP_ACTIONS),
        "task_name": TASK_NAME,
        "self_made_certificate": site.self_made_certificate,
    }
    return pages.create_app("desktop", settings=settings, servers=[site.issuer, site.store, site.agent])
