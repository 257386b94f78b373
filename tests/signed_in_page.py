"""A page of the authorization server in a browser in which the person has signed in."""

from deployment import Deployment
from playwright.sync_api import BrowserContext, Page, expect


def signed_in(context: BrowserContext, place: Deployment, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(f"{place.site.issuer}{path}")
    page.get_by_label("User name").fill(place.person.username)
    page.get_by_label("Password").fill(place.person.password)
    page.get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Sign in")
    return page
