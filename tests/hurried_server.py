"""`segue`, which waits less than it does: a tenth as long for heads, bodies and readers, a fifth for withdrawals.

For tests that wait it out.
"""

import sys

from segue import withdrawals
from segue.command import main
from segue_storage import http_protocol

HURRIED_STALE = withdrawals.STALE // 5

if __name__ == "__main__":
    for patience in ("HEAD", "BODY", "UNREAD", "LOOK"):
        setattr(http_protocol, patience, getattr(http_protocol, patience) / 10)
    withdrawals.STALE = HURRIED_STALE
    sys.exit(main())
