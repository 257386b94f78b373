"""`segue`, whose clients have a tenth of the time for a head, a body and their reading: for tests that wait it out."""

import sys

from segue.command import main
from segue_storage import http_protocol

if __name__ == "__main__":
    for patience in ("HEAD", "BODY", "UNREAD", "LOOK"):
        setattr(http_protocol, patience, getattr(http_protocol, patience) / 10)
    sys.exit(main())
