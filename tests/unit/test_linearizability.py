"""The history checker tells histories that hold from those that do not."""

from itertools import permutations, product
from random import Random

import pytest
from segue_authz.store_contract.history import Failed, Invoked, Operation, Returned, history
from segue_authz.store_contract.linearizability import stuck
from segue_authz.store_contract.model import (
    Change,
    GrantState,
    Look,
    ReadGrant,
    Redeem,
    Refresh,
    Revoke,
    Spend,
    SpentFor,
    TransferState,
    code,
    grant,
    transfer,
)

APPROVED = TransferState("Approved", 3, 1)
AFTER = ("Redeemed", 4, "g1")


def _holds(*operations: Operation) -> bool:
    return stuck(operations, initial=APPROVED, step=transfer) is None


def _of(call: object, began: int, ended: int | None, result: object = None) -> Operation:
    return Operation(call, began, ended, result)


def test_nothing_at_all_holds() -> None:
    assert _holds()


def test_a_loser_may_have_begun_before_the_winner() -> None:
    assert _holds(_of(Redeem(3, "g2"), 0, 9, False), _of(Redeem(3, "g1"), 1, 8, True), _of(Look(), 10, 11, AFTER))


def test_a_loser_that_ended_before_the_winner_began_does_not_hold() -> None:
    assert not _holds(_of(Redeem(3, "g2"), 0, 1, False), _of(Redeem(3, "g1"), 2, 3, True))


def test_two_winners_do_not_hold() -> None:
    assert not _holds(_of(Redeem(3, "g1"), 0, 9, True), _of(Redeem(3, "g2"), 0, 9, True))


def test_a_winner_whose_grant_is_not_the_one_that_is_read_does_not_hold() -> None:
    assert not _holds(_of(Redeem(3, "g2"), 0, 1, True), _of(Look(), 2, 3, AFTER))


def test_a_stale_read_does_not_hold() -> None:
    assert not _holds(_of(Redeem(3, "g1"), 0, 1, True), _of(Look(), 2, 3, ("Approved", 3, None)))


def test_a_read_beside_a_change_may_see_it_or_not_but_not_go_back() -> None:
    before, change = ("Approved", 3, None), _of(Redeem(3, "g1"), 0, 9, True)
    assert _holds(change, _of(Look(), 1, 2, before), _of(Look(), 3, 4, AFTER))
    assert not _holds(change, _of(Look(), 1, 2, AFTER), _of(Look(), 3, 4, before))


def test_an_unknown_operation_may_have_happened_or_not_or_much_later() -> None:
    unknown = _of(Redeem(3, "g1"), 0, None)
    assert _holds(unknown)
    assert _holds(unknown, _of(Look(), 5, 6, ("Approved", 3, None)))
    assert _holds(unknown, _of(Look(), 5, 6, ("Approved", 3, None)), _of(Look(), 7, 8, AFTER))
    assert _holds(unknown, _of(Change(3, "Denied"), 5, 6, False))
    assert not _holds(unknown, _of(Look(), 5, 6, AFTER), _of(Look(), 7, 8, ("Approved", 3, None)))


def test_an_unknown_operation_happens_at_most_once_and_not_before_it_began() -> None:
    assert not _holds(_of(Look(), 0, 1, AFTER), _of(Redeem(3, "g1"), 2, None))


def test_of_two_unknown_ones_the_right_one_is_found() -> None:
    unknown = [_of(Redeem(3, f"g{number}"), 0, None) for number in range(12)]
    assert _holds(*unknown, _of(Look(), 5, 6, AFTER))
    assert not _holds(*unknown, _of(Look(), 5, 6, ("Redeemed", 4, "g99")))


@pytest.mark.parametrize(
    ("told", "holds"),
    [
        ([(Refresh(0), 1), (Refresh(0), 1), (Refresh(1), 2)], True),
        ([(Refresh(0), 1), (Refresh(0), 2)], False),
        ([(Refresh(0), 1), (Refresh(1), 2), (Refresh(0), "Reused"), (ReadGrant(), (2, True))], True),
        ([(Refresh(0), 1), (Refresh(1), 2), (Refresh(0), "Reused"), (Refresh(2), 3)], False),
        ([(Revoke(), True), (Refresh(0), "Withdrawn"), (Revoke(), False)], True),
        ([(Revoke(), True), (Refresh(0), 1)], False),
    ],
)
def test_a_grant_follows_its_model(told: list[tuple[object, object]], holds: bool) -> None:
    operations = [_of(call, 2 * place, 2 * place + 1, result) for place, (call, result) in enumerate(told)]
    assert (stuck(operations, initial=GrantState(), step=grant) is None) == holds


def test_all_redemptions_of_a_code_have_to_answer_one_grant() -> None:
    good = [_of(Spend(name), 0, 9, "g2") for name in ("g1", "g2", "g3")]
    assert stuck(good, initial=None, step=code) is None
    assert stuck([*good, _of(SpentFor(), 10, 11, "g1")], initial=None, step=code) is not None


def test_a_thousand_at_once_are_judged_quickly() -> None:
    operations = [_of(Redeem(3, f"g{number}"), 0, 2000 + number, number == 700) for number in range(1000)]
    assert _holds(*operations)
    assert not _holds(*operations, _of(Look(), 5000, 5001, AFTER))


def test_what_is_stuck_says_how_far_it_came() -> None:
    found = stuck([_of(Look(), 0, 1, AFTER)], initial=APPROVED, step=transfer)
    assert "after 0 operations" in str(found)
    assert "was told ('Redeemed', 4, 'g1')" in str(found)


def test_it_agrees_with_trying_every_order() -> None:
    """Random little histories of a grant, judged by brute force as well."""
    dice = Random(0)
    verdicts = []
    for _ in range(400):
        operations = [_random(dice) for _ in range(4)]
        verdict = stuck(operations, initial=GrantState(), step=grant) is None
        assert verdict == _brute_force(operations)
        verdicts.append(verdict)
    assert 40 < sum(verdicts) < 360


def _random(dice: Random) -> Operation:
    call = dice.choice([Refresh(0), Refresh(0), Refresh(1), Revoke(), ReadGrant()])
    results = {
        Refresh: [1, 1, 2, "Reused", "Withdrawn"],
        Revoke: [True, False],
        ReadGrant: [(0, False), (1, False), (1, True)],
    }
    began = dice.randrange(8)
    return _of(call, began, dice.choice([None, *[began + dice.randrange(1, 6)] * 4]), dice.choice(results[type(call)]))


def _brute_force(operations: list[Operation]) -> bool:
    unknown = [each for each in operations if each.returned_at is None]
    for taken in product((False, True), repeat=len(unknown)):
        kept = [each for each in operations if each.returned_at is not None]
        kept += [each for each, take in zip(unknown, taken, strict=True) if take]
        if any(_in_this_order(order) for order in permutations(kept)):
            return True
    return False


def _in_this_order(order: tuple[Operation, ...]) -> bool:
    state = GrantState()
    for place, each in enumerate(order):
        if any(later.returned_at is not None and later.returned_at < each.invoked_at for later in order[place + 1 :]):
            return False
        result, state = grant(state, each.call)
        if each.returned_at is not None and result != each.result:
            return False
    return True


def test_a_call_without_a_result_or_with_a_failure_is_unknown() -> None:
    notes = [Invoked(0, 0, "a", 1), Invoked(1, 0, "b", 2), Returned(1, 0, "yes", 3), Invoked(0, 1, "c", 4)]
    notes.append(Failed(0, 1, "the store is away"))
    assert history(notes) == [_of("a", 1, None), _of("b", 2, 3, "yes"), _of("c", 4, None)]
