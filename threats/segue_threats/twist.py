"""Ways to change a proof before it is signed."""

from segue_threats.device import Twist


def claim(name: str, value: object) -> Twist:
    """A proof that says something else."""
    return lambda proof: proof.claims.__setitem__(name, value)


def without(name: str) -> Twist:
    """A proof that does not say something."""
    return lambda proof: proof.claims.pop(name, None)


def header(name: str, value: object) -> Twist:
    """A proof with another header."""
    return lambda proof: proof.header.__setitem__(name, value)
