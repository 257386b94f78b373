"""The paragraph a person reads on coming back, and the line on a task's card: plain words, always the same ones."""

import pytest
from segue_resource.domain.actor import Actor
from segue_resource.domain.lifecycle import Status
from segue_resource.domain.name import is_name, one_line
from segue_resource.domain.resume import greeting, paragraph
from segue_resource.domain.task_card import running, state_line
from segue_resource.domain.tool_call import Effect, State, ToolCall, first_state
from segue_resource.domain.working_set import Item, ItemStatus, ItemType


def item(kind: ItemType, title: str, *, settled: bool = False) -> Item:
    status = ItemStatus.SETTLED if settled else ItemStatus.OPEN
    return Item(title, kind, title, "body", status, 1, 0, Actor("usr_1", "c", "dev_1"))


def call(title: str, state: State) -> ToolCall:
    return ToolCall(
        task_id="tsk_1",
        call_id=title,
        tool="t",
        title=title,
        arguments={},
        effect=Effect.PURE,
        state=state,
        attempt=0,
        fence=None,
        holder=None,
        result=None,
        error=None,
        proposed_seq=1,
        started_at=None,
        finished_at=None,
    )


@pytest.mark.requirement("T5", "R6")
def test_a_task_in_the_middle_reads_like_a_note_to_oneself() -> None:
    items = [
        item(ItemType.DOCUMENT, "Draft of clauses 7 and 8"),
        item(ItemType.DECISION, "Liability is capped at the fees of one year", settled=True),
        item(ItemType.DECISION, "Notice period is ninety days.", settled=True),
        item(ItemType.QUESTION, "Is a breach of data protection outside the cap?"),
        item(ItemType.QUESTION, "Whose courts decide?"),
        item(ItemType.QUESTION, "Answered long ago?", settled=True),
    ]
    calls = [call("Compare the cap on liability with our precedents", State.RUNNING)]
    assert paragraph(items, calls) == (
        "One document is in progress: Draft of clauses 7 and 8."
        " Two decisions are made: Liability is capped at the fees of one year; Notice period is ninety days."
        " Two questions are open: Is a breach of data protection outside the cap? Whose courts decide?"
        " One tool call is running: Compare the cap on liability with our precedents."
    )


@pytest.mark.requirement("T5")
def test_every_kind_of_thing_has_its_sentence() -> None:
    items = [
        item(ItemType.DOCUMENT, "Letter", settled=True),
        item(ItemType.OUTPUT, "Table of precedents"),
        item(ItemType.DECISION, "Which court"),
        item(ItemType.FACT, "Acme is Irish"),
        item(ItemType.CONSTRAINT, "Sign by Friday!"),
    ]
    calls = [call("Look up", State.CLAIMED), call("Send", State.PROPOSED), call("Sum", State.APPROVED)]
    assert paragraph(items, [*calls, call("Pay", State.UNKNOWN)]) == (
        "One document is finished: Letter. There is one partial result: Table of precedents."
        " One decision is still to be made: Which court."
        " Two points are to be kept in mind: Acme is Irish; Sign by Friday!"
        " One tool call is running: Look up. One tool call is ready to run: Sum."
        " One tool call waits for your approval: Send."
        " Of one tool call nobody knows whether it took effect, so please check: Pay."
    )


@pytest.mark.requirement("T5")
def test_a_task_with_nothing_in_it_says_so() -> None:
    assert paragraph([], []) == "Nothing has been written down for this task yet."
    assert paragraph([item(ItemType.QUESTION, "Old?", settled=True)], []) == paragraph([], [])


@pytest.mark.requirement("T5", "R28")
def test_a_long_list_is_cut_and_counted_and_so_is_a_long_title() -> None:
    items = [item(ItemType.QUESTION, f"Question {n}?") for n in range(12)]
    assert paragraph(items, []) == "12 questions are open: Question 0? Question 1? Question 2? And nine more."
    (said,) = paragraph([item(ItemType.FACT, "x" * 500)], []).splitlines()
    assert said == f"One point is to be kept in mind: {'x' * 99}…"


@pytest.mark.requirement("T5")
def test_nothing_in_a_title_breaks_out_of_its_sentence() -> None:
    title = "a\nb\r\n\tc\u2028d\u202ee\x00f  g..."
    assert paragraph([item(ItemType.FACT, title)], []) == "One point is to be kept in mind: a b c d e f g."


@pytest.mark.requirement("T5", "U1")
def test_the_greeting_names_the_task() -> None:
    assert greeting("Acme contract revision") == (
        "You were working on Acme contract revision - pick up where you left off?"
    )


@pytest.mark.requirement("T4")
def test_a_card_counts_and_says_nothing_of_what_is_written() -> None:
    items = {(ItemType.QUESTION, ItemStatus.OPEN): 2, (ItemType.DOCUMENT, ItemStatus.OPEN): 1}
    calls = {State.RUNNING: 1, State.CLAIMED: 1, State.UNKNOWN: 1, State.APPROVED: 4}
    assert state_line(Status.OPEN, items, calls) == (
        "2 tool calls running, 1 tool call to be checked, 1 document in progress, 2 open questions"
    )
    assert running(calls) == 2
    assert state_line(Status.ACTIVE, {}, {}) == "Nothing written down yet"
    assert state_line(Status.PAUSED, {}, {}) == "Paused"
    assert state_line(Status.RESUMED, items, {}).startswith("Resumed, ")


@pytest.mark.requirement("T1")
@pytest.mark.parametrize("text", ["Acme", "Überprüfung №7", "合同修订", "👩\u200d💻 work", "a b"])
def test_a_name_may_be_in_any_script(text: str) -> None:
    assert is_name(text)


@pytest.mark.requirement("T1")
@pytest.mark.parametrize(
    "text", ["", " a", "a ", "a\nb", "\u200b", "\u200d", "a\u202eb", "a\x00", "\ufeffa", "a\u2028"]
)
def test_a_name_that_hides_breaks_or_turns_is_none(text: str) -> None:
    assert not is_name(text)


def test_one_line_keeps_what_can_be_seen() -> None:
    assert one_line(" a\n\tb\u202e c\u200d ") == "a b c"
    assert first_state(Effect.PURE) is State.APPROVED
