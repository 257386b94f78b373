"""What the door for A2A clients reads: a call of JSON-RPC, and the params of its method."""

import json
from typing import Any

from segue_a2a.operations import _seconds, _text
from segue_a2a.params import GetTask, ListTasks, NamedTask, Params, SendMessage
from segue_a2a.rpc import A2AError, read_call, read_params

from fuzzing.authz_parsers import request_of
from fuzzing.parser import parser, waited

SHAPES: dict[str, type[Params]] = {
    "SendMessage": SendMessage,
    "GetTask": GetTask,
    "CancelTask": NamedTask,
    "ListTasks": ListTasks,
}
_MESSAGE = {"messageId": "m", "role": "ROLE_USER", "parts": [{"text": "x"}], "taskId": "tsk_1"}
_PARAMS: dict[str, Any] = {
    "SendMessage": {"message": _MESSAGE, "configuration": {"historyLength": 0}},
    "GetTask": {"id": "tsk_1", "historyLength": 7},
    "CancelTask": {"id": "tsk_1", "tenant": ""},
    "ListTasks": {"pageSize": 1, "statusTimestampAfter": "2027-01-15T08:00:00Z"},
}


def _calls() -> list[bytes]:
    calls = [{"jsonrpc": "2.0", "id": "1", "method": name, "params": params} for name, params in _PARAMS.items()]
    odd = [b"{}", b"[]", b'{"jsonrpc":"2.0","id":1.5,"method":"GetTask"}', b'{"id":null}', b"\xff"]
    return [json.dumps(call).encode() for call in calls] + odd


@parser("a2a-call", "segue_a2a.rpc:read_params", "segue_a2a.rpc:read_call", seeds=_calls())
def a2a_call(data: bytes) -> None:
    try:
        call = waited(read_call(request_of([(b"content-type", b"application/json")], body=data)))
        assert call.id is None or type(call.id) in (str, int)
        shape = SHAPES.get(call.method, NamedTask)
        params = read_params(call, shape)
        assert isinstance(params, shape)
        if isinstance(params, SendMessage):
            assert isinstance(_text(params.message), str)
        if isinstance(params, ListTasks) and params.status_timestamp_after is not None:
            _seconds(params.status_timestamp_after)
    except A2AError:
        return
