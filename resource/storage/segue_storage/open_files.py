"""How many files and connections a process may have open: as many as the system lets it, without being asked."""

import sys

if sys.platform == "win32":

    def raise_limit() -> None:
        """There is none to raise."""

    def limit() -> int:
        return sys.maxsize
else:
    import resource

    def raise_limit() -> None:
        """Raise the soft limit to the hard one, for this process and those it starts.

        The soft one is kept at 1024 for programs that use `select`; a server that thousands follow needs more.
        """
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != hard:
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def limit() -> int:
        """The soft limit."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return sys.maxsize if soft == resource.RLIM_INFINITY else soft
