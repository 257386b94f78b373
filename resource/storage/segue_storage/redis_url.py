"""Which Redis a URL names, decided in one place and refused without repeating it: it may hold a password."""

SCHEMES = "redis://, rediss://, unix://, redis+cluster:// or rediss+cluster://"
"""With `+cluster`, one or more members of a cluster follow, with commas between them."""

_BEGINNINGS = tuple(word for word in SCHEMES.replace(",", "").split() if word.endswith("://"))


def require_redis_url(url: str) -> str:
    """The URL. Raises ValueError if it is none."""
    if not url.startswith(_BEGINNINGS):
        raise ValueError(f"it must start with {SCHEMES}")
    return url
