"""HTTP/1.1 as uvicorn reads it, whose own refusal is problem details too (RFC 9457)."""

from segue.problem import Problem, problem_response
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_NOT_HTTP = Problem(400, "malformed-http", "The request is not HTTP", "it cannot be read as HTTP/1.1")


class HttpProtocol(HttpToolsProtocol):
    """What cannot be read gets its answer before any application is asked, and the connection ends."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the parser's word, which is for the log
        _, headers, body = problem_response(_NOT_HTTP)
        lines = [b"HTTP/1.1 400 Bad Request", *(b": ".join(header) for header in headers), b"connection: close"]
        self.transport.write(b"\r\n".join([*lines, b"", body]))
        self.transport.close()
