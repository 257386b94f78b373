"""Ed25519 keys of small order: a signature that fits every text is easily made for one (RFC 8725 section 3.4)."""

_P = 2**255 - 19
_Y8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
"""Of the points of order 8, those with y above p / 2; the others have p - y."""
_SMALL = frozenset({0, 1, _P - 1, _Y8, _P - _Y8})
"""The y of all eight points whose order divides 8."""


def has_small_order(public_key: bytes) -> bool:
    """Whether its point, however it is encoded (RFC 8032 section 5.1.2), is one of those eight."""
    return (int.from_bytes(public_key, "little") & (2**255 - 1)) % _P in _SMALL
