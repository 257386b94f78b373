"""Draws requests from an OpenAPI document by schemathesis: boundary values, and random ones that fit or do not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

schemathesis.serializer.alias("application/partial-upload", "application/octet-stream")

SPECS = Path(__file__).parents[1] / "specs" / "openapi"
REJECTED = ["400", "401", "403", "404", "405", "413", "415", "422", "428"]
"""How a request may be answered that the document does not allow."""
CHECKS = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]
"""Whatever is asked, the answer is one that the document tells of."""


class Document:
    """One of specs/openapi; `operations` by their id."""

    def __init__(self, name: str) -> None:
        rejection = {"checks": {"negative_data_rejection": {"expected-statuses": REJECTED}}}
        config = schemathesis.Config.from_dict(rejection)
        self._schema = schemathesis.openapi.from_path(SPECS / name, config=config)
        self.operations: dict[str, Any] = {
            operation.definition.raw["operationId"]: operation
            for operation in (found.ok() for found in self._schema.get_all_operations())
        }

    def draw(self, operation_id: str, judge: Callable[[Case], None], *, examples: int, derandomize: bool) -> None:
        """Every boundary value of what is described, then `examples` random requests of either kind."""
        operation = self.operations[operation_id]
        for case in self._schema.iter_coverage_cases(
            operation,
            generation_modes=list(GenerationMode),
            generation_config=self._schema.config.generation_for(operation=operation),
        ):
            judge(case)
        says_something = any(True for _ in operation.iter_parameters()) or bool(operation.body)
        for mode in GenerationMode if says_something else [GenerationMode.POSITIVE]:
            drawn = given(operation.as_strategy(generation_mode=mode))(judge)
            settings(
                max_examples=examples,
                derandomize=derandomize,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
                print_blob=False,
                phases=[Phase.generate],
            )(drawn)()


def operation_id_of(case: Case) -> str:
    return str(case.operation.definition.raw["operationId"])
