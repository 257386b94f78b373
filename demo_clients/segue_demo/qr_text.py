"""A QR code as lines of text, for terminals."""

import qrcode


def qr_lines(text: str) -> list[str]:
    """Two rows of modules to a line of text, light on dark as terminals are."""
    code = qrcode.QRCode(border=2)
    code.add_data(text)
    rows = code.get_matrix()
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    blocks = {(False, False): "█", (False, True): "▀", (True, False): "▄", (True, True): " "}
    pairs = (zip(upper, lower, strict=True) for upper, lower in zip(rows[::2], rows[1::2], strict=True))
    return ["   " + "".join(blocks[pair] for pair in line) for line in pairs]
