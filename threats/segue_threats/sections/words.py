"""What RFC 10027 asks for in each section, and what our way of doing it does not prevent. In our own words."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """`asks` is the section in short. Each of `limits` is something that happens all the same."""

    asks: str
    limits: tuple[str, ...]


def _words(asks: str, limits: str) -> Words:
    """The limits stand line by line."""
    return Words(" ".join(asks.split()), tuple(" ".join(each.split()) for each in limits.strip().split("\n\n")))


WORDS = {
    "establish_proximity": _words(
        """A code that is shown in another place than it was made for is worth less if the server finds out whether the
        two devices are near each other: by a cable, by radio, by a shared network, by their places.""",
        """An adversary who comes out of the person's own network, by a proxy, a VPN or a machine in the house. The
        relay lab counts how far that gets.

        People whose telephone is on a mobile network stand beside their desktop and count as far: under `require` they
        are refused.

        Segue compares networks, and places where a deployment brings a locator. It has no radio proof; a place that a
        device states is shown and never counts.""",
    ),
    "short_lived_codes": _words(
        """The shorter a code lives, the less time somebody has who got hold of it.""",
        """A code that is made at the moment the victim follows a link is always fresh; this does nothing against it.

        Whoever uses a code within its lifetime is in time. The shortest is 30 seconds, because people need to type.""",
    ),
    "one_time_codes": _words(
        """A code that can be used once, or a few times, cannot serve many victims.""",
        """Single use itself has no setting: a code is claimed once under every policy. What can be set is what a second
        device that tries it does: it is shown to the person, or it ends the transfer.

        If nobody else tries the code, the onlooker's device is the only one and nothing is noticed here.

        With `void`, anybody who sees a code can end the transfer by trying it.""",
    ),
    "unique_codes": _words(
        """If every request has a code of its own, one that turns up again is a sign of an attack.""",
        """A code that reaches one person alone. A second account has to enter it, and before the first has decided.

        Several codes for several people. Each is unique.""",
    ),
    "content_filtering": _words(
        """Messages that carry codes or links out of their context can be held back before they are read.""",
        """Segue filters nobody's mail. It gives its links and codes one documented form, which filters can match; the
        run shows those expressions at work in a filter that stands in for a deployment's.

        Pictures of QR codes, messages on channels without a filter, and a page of the adversary's that shows the code.
        """,
    ),
    "detect_and_remediate": _words(
        """Misuse that is noticed, by repeated codes, by filters or by people, ends what came of it, at the resource
        servers too.""",
        """Whatever happens before somebody reports it. What was transferred until then was used.

        The count is per application: an adversary who uses another registered client begins at nought, and reports of
        a few people stop that application for everybody.""",
    ),
    "trusted_devices": _words(
        """If only known devices may take part, an adversary cannot begin with one of their own.""",
        """A device that was trusted and is now in the wrong hands.

        A known device is one whose key has held a task of this person before: nobody looks at what kind of device that
        is. The first of a person has to come by another way, such as signing in there.""",
    ),
    "trusted_networks": _words(
        """If the flow can only begin inside of a network that is looked after, an adversary has to get in first.""",
        """An adversary inside of the network, or on a device there.

        It suits a company with a network of its own. For people at home and on the move there is none to name.""",
    ),
    "limited_scopes": _words(
        """Rights that come of a cross-device flow can be fewer, so that a success is worth less.""",
        """The transfer itself. The adversary has the task, with the rights that are left.

        Reading is nearly always among them.""",
    ),
    "short_lived_tokens": _words(
        """A token that dies soon limits how long a success lasts.""",
        """Whoever has the refresh token and the key as well goes on until the access is ended or the grant's time is
        over.

        What a thief does within the lifetime.""",
    ),
    "rate_limits": _words(
        """Many requests and many tries in a short time can be slowed down.""",
        """Slow attacks, and such from many networks: the setting counts per network. Tries at user codes are counted
        per person and in all besides, under every policy.

        An adversary who has the right code needs one try.""",
    ),
    "sender_constrained_tokens": _words(
        """A token that works only with a key cannot be carried to another machine and sold.""",
        """An adversary whose own device got the token: the key is theirs.

        Malware on the device, which uses the key there. Segue does not ask for keys in hardware.""",
    ),
    "user_education": _words(
        """People who know when they will be asked, and when never, decline more often.""",
        """Whoever does not read. The run shows that the sentence is on the page and what follows if somebody does as it
        says, and nothing about how many do.

        Teaching people outside of these pages is the deployment's to do.""",
    ),
    "user_experience": _words(
        """The page keeps the context: who asks, what for, what follows. Declining is as near as approving.""",
        """A person who is convinced and presses Approve with the number they were told.

        The run shows one careless key press. Whether people understand the page was not measured here.""",
    ),
    "authenticate_then_initiate": _words(
        """If somebody has to sign in before a device may ask, an adversary has no code to pass on.""",
        """A push. It begins with a person who is signed in, so this earns nothing there, as the section itself says.

        Whoever has signed in on a device in the victim's name already.

        Devices without a way to sign in cannot ask at all.""",
    ),
    "request_initiation_verification": _words(
        """The person is made to show that they began this: with a number that only the other device has.""",
        """An adversary who passes the number on: on a live page, in a chat, on the telephone. The relay lab counts how
        far that gets.

        Two guesses at four digits: one time in 5,000 one of them is right.""",
    ),
    "request_binding_oob": _words(
        """Something that reaches both devices by another way ties the request to the device in front of the person.""",
        """A device of the adversary's that shows the person its own number, as with the number that is passed on.

        A policy under which the number is not verified (`request_initiation_verification` off): it is made and shown
        all the same, and does not count.""",
    ),
}
