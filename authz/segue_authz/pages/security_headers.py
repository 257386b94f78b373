"""The headers every page carries: nothing foreign runs in it, frames it, reads it or keeps it."""

import re

_NAMED_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?")
_WEB_SCHEME = re.compile(r"https?:(?=//)")
_PRIVATE_USE_SCHEME = re.compile(r"[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:")
_POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
)
_UNUSED_FEATURES = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "fullscreen",
    "geolocation",
    "gyroscope",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "usb",
)


def content_security_policy(*, form_action_origin: str | None = None, trusted_types: str = "'none'") -> str:
    """The policy; a form's answer may also go to `form_action_origin`, see `_form_target`.

    `trusted_types` names the one policy by which the page's script may make addresses of scripts, if it may.
    """
    target = "" if form_action_origin is None else f" {_form_target(form_action_origin)}"
    return "; ".join((*_POLICY, f"trusted-types {trusted_types}", f"form-action 'self'{target}"))


def page_headers(
    *, https: bool, form_action_origin: str | None = None, trusted_types: str = "'none'"
) -> dict[str, str]:
    """Header names and values of a page. Over plain http HSTS is left out (RFC 6797 section 7.2)."""
    headers = {
        "Content-Security-Policy": content_security_policy(
            form_action_origin=form_action_origin, trusted_types=trusted_types
        ),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": ", ".join(f"{feature}=()" for feature in _UNUSED_FEATURES),
    }
    if https:
        headers["Strict-Transport-Security"] = "max-age=31536000"
    return headers


def _form_target(origin: str) -> str:
    """The source expression for a client's origin or, with its colon, private-use scheme (RFC 8252 section 7.1).

    Chromium holds the redirect that follows a form to `form-action`, so the consent page names where it leads. A host
    that the grammar has no words for, such as an IPv6 address, is covered by its scheme. ValueError for anything else.
    """
    if _NAMED_ORIGIN.fullmatch(origin) or _PRIVATE_USE_SCHEME.fullmatch(origin):
        return origin
    if scheme := _WEB_SCHEME.match(origin):
        return scheme[0]
    raise ValueError("not an origin that a form's answer could go to")
