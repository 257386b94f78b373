"""Agents of each framework, whole: begun at one device, moved with a tool call in flight, gone on with at the next."""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

TESTS = Path(__file__).resolve().parents[1]
JOURNEYS = {
    "no framework": "test_tool_runs::test_a_call_in_flight_goes_on_at_the_next_device_and_has_its_effect_once",
    "LangGraph": "test_langgraph_tools::test_an_agent_goes_on_at_another_device_in_the_middle_of_a_call_that_runs_once",
    "OpenAI Agents": "test_openai_agents::test_an_agent_goes_on_at_the_phone_and_its_tool_runs_once",
    "Google ADK": "test_google_adk_tools::test_begun_at_one_device_with_a_call_in_flight_the_agent_goes_on_at_the_next",
    "Claude Agent SDK": "test_claude_agent::test_an_agent_goes_on_at_the_next_device_and_its_tool_runs_once",
    "Pydantic AI": "test_pydantic_ai::test_an_agent_goes_on_at_the_next_device_and_its_tool_runs_once",
    "CrewAI": "test_crewai::test_a_flow_goes_on_elsewhere_and_its_tool_which_was_running_runs_once",
    "Temporal": "test_temporal::test_a_workflow_goes_on_at_the_next_device_and_its_tool_which_was_running_runs_once",
}
"""Where each framework's own program is: with the real framework, and a scripted model."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """Of each test that ran, how its cases ended."""
    report = tmp_path_factory.mktemp("journeys") / "report.xml"
    named = [f"adapters/{file}.py::{test}" for file, _, test in (place.partition("::") for place in JOURNEYS.values())]
    command = [sys.executable, "-m", "pytest", "--quiet", f"--junit-xml={report}", *named]
    done = subprocess.run(command, cwd=TESTS, env=os.environ, capture_output=True, text=True, check=False)
    assert report.exists(), done.stdout + done.stderr
    found: dict[str, set[str]] = {}
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}::{case.get('name', '').partition('[')[0]}"
        ended = {part.tag for part in case} & {"failure", "error", "skipped"}
        found.setdefault(name, set()).update(ended or {"passed"})
    return found


@pytest.mark.parametrize("framework", JOURNEYS)
def test_r62_an_agent_goes_on_at_the_next_device_and_its_tool_runs_once(
    outcomes: dict[str, set[str]], framework: str
) -> None:
    ended = outcomes.get(JOURNEYS[framework], set())
    if ended == {"skipped"}:
        pytest.skip(f"{framework} is not installed here")
    assert ended == {"passed"}
