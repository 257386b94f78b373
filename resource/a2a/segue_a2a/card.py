"""The agent card (A2A 1.0 section 8): public, and the same for every task."""

from importlib.metadata import version
from typing import Any

from segue.challenge import resource_metadata_url

from segue_a2a.rpc import VERSION

CARD_PATH = "/.well-known/agent-card.json"


def agent_card(url: str) -> dict[str, Any]:
    """Of the A2A server at `url`."""
    described = resource_metadata_url(url)
    how = f"A task token bound to the client's key (RFC 9449), for this server alone; {described} says who issues it."
    return {
        "name": "Segue task store",
        "description": "One task that a person has let this device continue: where it stands, and what is said in it.",
        "version": version("segue-a2a"),
        "supportedInterfaces": [{"url": url, "protocolBinding": "JSONRPC", "protocolVersion": VERSION}],
        "capabilities": {"streaming": True, "pushNotifications": False, "extendedAgentCard": False},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [
            {
                "id": "continue-a-task",
                "name": "Continue a task",
                "description": "Go on with a task on another device: read it, follow it, say the next thing.",
                "tags": ["task", "cross-device"],
            }
        ],
        "securitySchemes": {"taskToken": {"httpAuthSecurityScheme": {"scheme": "DPoP", "description": how}}},
        "securityRequirements": [{"schemes": {"taskToken": {"list": []}}}],
    }
