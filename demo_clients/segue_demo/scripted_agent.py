"""What the demo's agent says: a scripted lawyer's assistant. Put your model here."""

from typing import Any

DRAFT = """7. Limitation of liability

7.1 Neither party is liable for loss of profit or for indirect loss.

7.2 Each party's total liability in a contract year is limited to the fees paid in that year.

7.3 Nothing in this clause limits liability for wilful misconduct, for personal injury, or for a breach of clause 9 \
(confidentiality).

8. Term and notice

8.1 The contract runs for two years from signature and is then renewed year by year.

8.2 Either party may end it with ninety days' notice to the end of a contract year."""

OPENING: dict[str, Any] = {
    "message": "I have revised clauses 7 and 8 of the Acme contract. Two points are settled, two need you. I am"
    " comparing the new cap on liability with our precedents now; that takes a while, and you can go on meanwhile.",
    "working_set": [
        {"item_id": "draft", "type": "document", "title": "Draft of clauses 7 and 8", "body": DRAFT, "status": "open"},
        {
            "item_id": "decision-cap",
            "type": "decision",
            "title": "Liability is capped at the fees of one year",
            "body": "Agreed with Acme's counsel; their proposal had no cap.",
            "status": "settled",
        },
        {
            "item_id": "decision-notice",
            "type": "decision",
            "title": "Notice period is ninety days",
            "body": "Was thirty days; ninety is what both sides' suppliers need.",
            "status": "settled",
        },
        {
            "item_id": "question-data",
            "type": "question",
            "title": "Is a breach of data protection outside the cap?",
            "body": "Acme has not answered. The draft leaves it inside.",
            "status": "open",
        },
        {
            "item_id": "question-law",
            "type": "question",
            "title": "Whose courts decide?",
            "body": "The old contract says London, Acme's form says Dublin.",
            "status": "open",
        },
    ],
    "name_proposal": "Acme contract: liability and notice",
    "tool_call": {
        "tool": "compare_precedents",
        "title": "Compare the cap on liability with our precedents",
        "arguments": {"clause": "7.2", "precedents": 40},
        "effect": "idempotent",
    },
}

SENDING: dict[str, Any] = {
    "message": "I can send the draft to Acme's counsel. That cannot be taken back, so I need your word first.",
    "working_set": [],
    "tool_call": {
        "tool": "send_draft",
        "title": "Send the draft to Acme's counsel",
        "arguments": {"to": "Acme's counsel", "document": "Draft of clauses 7 and 8"},
        "effect": "irreversible",
    },
}

EXPLANATION = """The cap says how much either side can owe the other in a contract year: no more than the fees of that \
year. Below the cap nothing changes; who breaks the contract pays for the loss that follows from it.

Three things stay outside. Wilful misconduct is one, for no court would let a party limit it. Personal injury is the \
second, for the law forbids it. The third is a breach of confidentiality, because its harm has nothing to do with the \
fees; Acme asked for that one, and it suits us as well.

What remains open is data protection. If a leak counts under the cap, Acme carries most of the risk; if it does not, \
our insurer wants to know. In the precedents that name the case at all, about half put it under a second, higher cap. \
I would propose that: twice the yearly fees, for data protection alone."""


def turn(text: str | None) -> dict[str, Any]:
    """The agent's next turn: its opening when nothing was said yet, otherwise an answer to `text`."""
    if text is None:
        return OPENING
    if text.lower().startswith("send the draft"):
        return SENDING
    if text.lower().startswith("explain the cap"):
        return {"message": EXPLANATION, "working_set": [], "tool_call": None}
    noted = text.strip()[:200].rstrip(".!?")
    message = f"I have noted “{noted}” and take it up next."
    return {"message": message, "working_set": [], "tool_call": None}


def result(tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What a finished job reports."""
    if tool == "send_draft":
        return {"summary": f"The draft has been sent to {arguments.get('to')}."}
    if tool != "compare_precedents":
        return {"summary": "Done."}
    return {
        "summary": "31 of 40 precedents cap liability at the fees of one year; 6 go higher, 3 have no cap.",
        "clause": arguments.get("clause"),
        "closest": "Supply agreement of 2024, clause 11.2",
    }
