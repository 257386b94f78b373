"""The tasks extension of MCP (SEP-2663): who has not declared it is told so, and gets no task."""

from mcp.server.mcpserver.server import require_client_extension

from segue_mcp.resources import Context

EXTENSION = "io.modelcontextprotocol/tasks"


def require_extension(ctx: Context) -> None:
    """Raises `MCPError` -32021."""
    require_client_extension(ctx, EXTENSION)
