"""The official MCP client at running servers: from nothing to a task, and on to a phone."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx2
import pytest
from adapters.downstream import Downstream
from deployment import Deployment
from journey import CALL, Journey, open_journey
from mcp.client.auth import utils as discovery
from mcp.client.client import Client
from mcp.client.extension import ClientExtension
from mcp.client.streamable_http import streamable_http_client
from mcp.client.subscriptions import ResourcesListChanged, ResourceUpdated, SubscriptionLost
from mcp.shared.exceptions import MCPError
from mcp_tasks_client import TasksExtension, cancelled, polled, requested
from mcp_types import TextResourceContents
from mcp_world import Heard, uri
from segue_client.device import Refused
from segue_client.grant import Grant
from segue_client.protected_resource import ProtectedResource, described
from segue_client.task_token_auth import Authorize, TaskTokenAuth
from segue_client.tool_runs import Lost, Run, ToolRuns
from segue_demo.site import TASK_NAME

pytestmark = [pytest.mark.anyio, pytest.mark.requirement("E4")]

PATIENCE = 30
ITEM = {"item_id": "cap", "type": "decision", "title": "Cap", "body": "", "status": "open"}


class WithMcp(Deployment):
    """`segue mcp` in the place of `segue resource`, and an authorization server that mints tokens for it."""

    @property
    def mcp(self) -> str:
        return f"{self.site.store}/mcp"

    def _command(self, name: str) -> list[str]:
        command, _, *rest = super()._command(name)
        return [command, {"resource": "mcp"}.get(name, name), *rest]

    def environment(self) -> dict[str, str]:
        return super().environment() | {"SEGUE_AUTHZ_AUDIENCES": f"{self.site.agent} {self.mcp}"}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WithMcp]:
    running = WithMcp(tmp_path_factory.mktemp("mcp"), database=None, redis=None)
    running.prepare()
    try:
        running.start()
        yield running
    finally:
        running.kill()


@pytest.fixture
async def journey(deployment: WithMcp, anyio_backend: str) -> AsyncIterator[Journey]:
    async with open_journey(deployment.site, deployment.person) as opened:
        yield opened


@asynccontextmanager
async def connected(
    deployment: WithMcp, authorize: Authorize, *, heard: Heard | None = None, extensions: Sequence[ClientExtension] = ()
) -> AsyncIterator[Client]:
    hooks = {"response": [heard]} if heard is not None else {}
    async with (
        httpx2.AsyncClient() as http,
        httpx2.AsyncClient(
            auth=TaskTokenAuth(authorize, http=http), event_hooks=hooks, timeout=httpx2.Timeout(20, read=PATIENCE)
        ) as proved,
        Client(streamable_http_client(deployment.mcp, http_client=proved), extensions=extensions) as client,
    ):
        yield client


def holding(grant: Grant) -> Authorize:
    """The device has its grant already."""

    async def authorize(_: ProtectedResource) -> Grant:
        return grant

    return authorize


async def read(client: Client, grant: Grant, path: str = "") -> Any:
    (content,) = (await client.read_resource(uri(path, task_id=grant.task_id))).contents
    assert isinstance(content, TextResourceContents)
    return json.loads(content.text)


async def done(client: Client, name: str, /, **arguments: Any) -> Any:
    result = await client.call_tool(name, arguments)
    assert not result.is_error, result.structured_content
    return result.structured_content


async def refused(client: Client, name: str, /, **arguments: Any) -> str:
    result = await client.call_tool(name, arguments)
    assert result.is_error
    return str(result.structured_content["type"]).removeprefix("urn:segue:problem:")


@pytest.mark.requirement("RFC6750-3-1", "U4", "MCP-OVERVIEW-c", "MCP-DISCOVERY-c", "MCP-DISCOVERY-e", "MCP-TOKENS-b")
async def test_a_client_that_begins_with_nothing_finds_the_authorization_server_and_gets_a_task(
    deployment: WithMcp, journey: Journey
) -> None:
    asked: list[ProtectedResource] = []
    held: list[Grant] = []

    async def authorize(resource: ProtectedResource) -> Grant:
        asked.append(resource)
        held.append(await journey.begin())
        return held[0]

    heard = Heard()
    async with connected(deployment, authorize, heard=heard) as client:
        assert asked == [ProtectedResource(deployment.mcp, deployment.site.issuer)]
        metadata = f"{deployment.site.store}/.well-known/oauth-protected-resource/mcp"
        assert heard[0].status_code == 401
        assert heard[0].headers["WWW-Authenticate"] == f'DPoP algs="ES256", resource_metadata="{metadata}"'
        (grant,) = held
        assert (await read(client, grant))["name"] == TASK_NAME
        assert (await done(client, "put_working_set_item", **ITEM))["version"] == 1
        assert len(asked) == 1


@pytest.mark.requirement("A14", "MCP-OVERVIEW-d", "MCP-CODE-d")
async def test_the_sdks_own_discovery_finds_the_authorization_server_and_what_it_insists_on(
    deployment: WithMcp,
) -> None:
    """What its OAuth client does before it asks for a token: RFC 9728, then RFC 8414, with its own checks of both."""
    async with httpx2.AsyncClient() as http:
        challenged = await http.post(deployment.mcp)
        named = discovery.extract_resource_metadata_from_www_auth(challenged)
        first, *_ = discovery.build_protected_resource_metadata_discovery_urls(named, deployment.mcp)
        resource = await discovery.handle_protected_resource_response(await http.get(first))
        assert resource is not None
        assert str(resource.resource) == deployment.mcp
        issuer = str(resource.authorization_servers[0]).rstrip("/")
        first, *_ = discovery.build_oauth_authorization_server_metadata_discovery_urls(issuer, deployment.mcp)
        _, server = await discovery.handle_auth_metadata_response(await http.get(first))
        assert server is not None
        discovery.validate_metadata_issuer(server, deployment.site.issuer)
        assert server.code_challenge_methods_supported == ["S256"]
        assert server.authorization_response_iss_parameter_supported is True


@pytest.mark.requirement("MCP-TOKENS-f")
async def test_metadata_of_another_resource_is_not_believed(deployment: WithMcp) -> None:
    def elsewhere(request: httpx2.Request) -> httpx2.Response:
        where = f"{deployment.site.store}/.well-known/oauth-protected-resource/mcp"
        return httpx2.Response(401, headers={"WWW-Authenticate": f'DPoP resource_metadata="{where}"'})

    async with httpx2.AsyncClient(transport=httpx2.MockTransport(elsewhere)) as evil, httpx2.AsyncClient() as http:
        with pytest.raises(Refused, match="wrong_resource"):
            await described(await evil.post("https://evil.example/mcp"), http=http)


@pytest.mark.requirement("T9", "U1")
async def test_a_task_that_moves_takes_its_running_call_along_to_the_next_mcp_client(
    deployment: WithMcp, journey: Journey
) -> None:
    desktop = await journey.begin()
    async with connected(deployment, holding(desktop)) as left:
        call_id = (await done(left, "propose_tool_call", **CALL))["call_id"]
        old = (await done(left, "claim_tool_call", call_id=call_id, lease=600))["fence"]
        await done(left, "start_tool_call", call_id=call_id, fence=old)
        phone = await journey.hand_over(desktop)
        async with connected(deployment, holding(phone)) as right:
            resume = await read(right, phone, "/resume")
            assert [call["state"] for call in resume["tool_calls"]] == ["running"]
            new = (await done(right, "claim_tool_call", call_id=call_id))["fence"]
            assert await refused(left, "complete_tool_call", call_id=call_id, fence=old, result=1) == "stale-epoch"
            assert await refused(left, "append_message", text="still here") == "stale-epoch"
            await done(right, "start_tool_call", call_id=call_id, fence=new)
            ended = await done(right, "complete_tool_call", call_id=call_id, fence=new, result={"kept": 31})
            assert ended["state"] == "succeeded"
        assert (await read(left, desktop, f"/tool-calls/{call_id}"))["result"] == {"kept": 31}


@pytest.mark.requirement("E2", "R62")
async def test_a_task_that_moves_is_the_same_mcp_task_and_its_running_call_runs_once(
    deployment: WithMcp, journey: Journey
) -> None:
    downstream, extensions = Downstream(), [TasksExtension()]

    def run_on(grant: Grant) -> "asyncio.Task[Any]":
        async def compare(run: Run) -> Any:
            return await downstream.execute(run.downstream_key, {"kept": 31})

        return asyncio.create_task(ToolRuns(journey.task(grant)).run("toolu_1", compare, **CALL))

    desktop = await journey.begin()
    async with connected(deployment, holding(desktop), extensions=extensions) as left:
        call_id = await requested(left, {**CALL, "reference": "toolu_1"})
        before = run_on(desktop)
        await downstream.running.wait()
        phone = await journey.hand_over(desktop)
        async with connected(deployment, holding(phone), extensions=extensions) as right:
            assert [(await polled(right, each)).status for each in (call_id, phone.task_id)] == ["working", "working"]
            after = run_on(phone)
            with anyio.fail_after(PATIENCE):
                while len(downstream.asked) < 2:  # noqa: ASYNC110  there is no event for it
                    await asyncio.sleep(0.02)
            downstream.finish()
            assert await after == {"kept": 31}
            with pytest.raises(Lost):
                await before
            assert len(downstream.executed) == 1
            with pytest.raises(MCPError) as fenced:
                await cancelled(left, phone.task_id)
            assert fenced.value.error.data["problem"]["type"] == "urn:segue:problem:stale-epoch"
            for client in (left, right):
                ended = await polled(client, call_id)
                assert (ended.status, (ended.result or {})["structuredContent"]) == ("completed", {"kept": 31})


async def test_a_client_that_listens_hears_what_others_change(deployment: WithMcp, journey: Journey) -> None:
    grant = await journey.begin()
    one = uri("/working-set/cap", task_id=grant.task_id)
    unchanged = [uri("", task_id=grant.task_id), uri("", task_id="tsk_other")]  # since then, and as far as it is ours
    async with connected(deployment, holding(grant)) as client:
        with anyio.fail_after(PATIENCE):
            async with client.listen(resources_list_changed=True, resource_subscriptions=[one, *unchanged]) as changes:
                await journey.at_store(grant, "PUT", f"/tasks/{grant.task_id}/working-set/cap", **a_new_item())
                assert {await anext(changes), await anext(changes)} == {ResourceUpdated(one), ResourcesListChanged()}
                await done(client, "append_message", text="nobody listens to that")
                await done(client, "patch_working_set_item", item_id="cap", if_match=1, status="settled")
                assert await anext(changes) == ResourceUpdated(one)
        assert (await read(client, grant, "/working-set/cap"))["status"] == "settled"


def a_new_item() -> dict[str, Any]:
    content = {name: value for name, value in ITEM.items() if name != "item_id"}
    return {"json": content, "headers": {"If-None-Match": "*"}}


@pytest.mark.requirement("A15")
async def test_when_access_is_withdrawn_the_stream_ends_and_nothing_more_is_answered(
    deployment: WithMcp, journey: Journey
) -> None:
    grant = await journey.begin()
    heard = Heard()
    async with connected(deployment, holding(grant), heard=heard) as client:
        with anyio.fail_after(PATIENCE):
            async with client.listen(resource_subscriptions=[uri("", task_id=grant.task_id)]) as changes:
                endpoint = (await grant.device.metadata())["revocation_endpoint"]
                await grant.device.post_form(endpoint, token=grant.refresh_token)
                with pytest.raises(SubscriptionLost):
                    await anext(changes)
        with pytest.raises(MCPError):
            await client.list_resources()
        said = heard[-1].headers["WWW-Authenticate"]
        assert (heard[-1].status_code, 'error="invalid_token"' in said) == (401, True)
    assert " ERROR " not in (deployment.folder / "resource" / "log").read_text()
