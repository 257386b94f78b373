"""The settings of the task store: what is refused says which variable, and no password is ever repeated."""

import json
import logging
from pathlib import Path

import pytest
from segue_resource.__main__ import main
from segue_resource.settings import from_environment
from segue_storage.logs import JsonFormatter, configuration
from segue_storage.setting import BadSetting

SCALED = {
    "SEGUE_RESOURCE_COMPACTION": "events=2000 keep=100",
    "SEGUE_RESOURCE_SUMMARY_URL": "https://words.example/summary",
    "SEGUE_RESOURCE_SEARCH": "blind",
    "SEGUE_RESOURCE_URL": "https://tasks.example",
    "SEGUE_AUTHZ_ISSUER": "https://id.example",
    "SEGUE_RESOURCE_DATABASE": "postgresql://segue:hunter2@db.example/segue",
    "SEGUE_RESOURCE_REDIS": "redis://:hunter3@redis.example/0",
    "SEGUE_RESOURCE_KEY_FILE": "/run/secrets/master",
    "SEGUE_RESOURCE_BLOBS": "s3://segue-files/store",
    "SEGUE_RESOURCE_S3_ENDPOINT": "https://s3.example",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "hunter6",
    "SEGUE_RESOURCE_NONCE_SECRET_FILE": "/run/secrets/nonce",
    "SEGUE_RESOURCE_PARAGRAPH_URL": "https://words.example/paragraph?key=hunter4",
    "SEGUE_RESOURCE_SENSITIVE": "tool_calls:approve=300",
    "SEGUE_RESOURCE_METRICS": "127.0.0.1:9464-9467",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "https://user:hunter5@collector.example:4318",
}


@pytest.mark.requirement("E5")
def test_with_nothing_set_one_machine_is_served() -> None:
    settings = from_environment({})
    assert (settings.url, settings.issuer) == ("http://localhost:8401", "http://localhost:8400")
    assert settings.embedded
    assert settings.redis is None
    assert settings.key_file == Path(".segue/resource.key")
    assert settings.database == f"sqlite:///{Path('.segue/resource.db').resolve()}"


@pytest.mark.requirement("E5")
def test_with_everything_set_no_password_is_shown() -> None:
    settings = from_environment(SCALED)
    assert not settings.embedded
    shown = json.dumps(settings.shown())
    assert "hunter" not in shown
    assert "postgresql://segue:***@db.example/segue" in shown
    assert set(settings.shown()) == {*SCALED, "SEGUE_RESOURCE_RETENTION"}  # its file: test_resource_retention_policy


@pytest.mark.requirement("E5", "RFC9449-2-a", "RFC8693-6-a")
@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("SEGUE_RESOURCE_URL", "http://tasks.example"),
        ("SEGUE_RESOURCE_URL", "https://tasks.example/"),
        ("SEGUE_RESOURCE_URL", "tasks.example"),
        ("SEGUE_AUTHZ_ISSUER", "ftp://id.example"),
        ("SEGUE_AUTHZ_ISSUER", "https://id.example?x=1"),
        ("SEGUE_RESOURCE_DATABASE", "mysql://root:hunter2@db.example/x"),
        ("SEGUE_RESOURCE_DATABASE", "sqlite://"),
        ("SEGUE_RESOURCE_REDIS", "http://:hunter2@redis.example"),
        ("SEGUE_RESOURCE_REDIS", ""),
        ("SEGUE_RESOURCE_KEY_FILE", ""),
        ("SEGUE_RESOURCE_BLOBS", ""),
        ("SEGUE_RESOURCE_BLOBS", "/var/files"),
        ("SEGUE_RESOURCE_BLOBS", "s3://key:hunter2@bucket/x"),
        ("SEGUE_RESOURCE_S3_ENDPOINT", "http://s3.example"),
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("SEGUE_RESOURCE_NONCE_SECRET_FILE", ""),
        ("SEGUE_RESOURCE_COMPACTION", "events=19"),
        ("SEGUE_RESOURCE_COMPACTION", "keep=100"),
        ("SEGUE_RESOURCE_COMPACTION", "events=100 events=200"),
        ("SEGUE_RESOURCE_COMPACTION", "often"),
        ("SEGUE_RESOURCE_SUMMARY_URL", "http://words.example/summary"),
        ("SEGUE_RESOURCE_PARAGRAPH_URL", "http://words.example/paragraph"),
        ("SEGUE_RESOURCE_PARAGRAPH_URL", "https://user:hunter2@words.example/"),
    ],
)
def test_a_bad_value_names_its_variable_and_what_would_be_accepted(variable: str, value: str) -> None:
    with pytest.raises(BadSetting, match=variable) as refused:
        from_environment({**SCALED, variable: value})
    assert "must" in str(refused.value) or "://" in str(refused.value)
    assert "hunter" not in str(refused.value)


@pytest.mark.requirement("E5")
def test_check_prints_the_settings_and_serves_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    assert main(["--check"]) == 0
    assert json.loads(capsys.readouterr().out)["SEGUE_RESOURCE_KEY_FILE"] == str(tmp_path / "resource.key")
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("SEGUE_RESOURCE_URL", "http://tasks.example")
    assert main(["--check"]) == 1
    assert "SEGUE_RESOURCE_URL" in capsys.readouterr().err


@pytest.mark.requirement("E5")
def test_several_workers_on_embedded_state_are_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("SEGUE_STATE", str(tmp_path))
    assert main(["--workers", "2"]) == 1
    assert "SEGUE_RESOURCE_DATABASE" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_log_line_is_one_json_object() -> None:
    record = logging.LogRecord("segue", logging.INFO, "file", 1, "line %s\nbreak", ("one",), None)
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert json.loads(line)["message"] == "line one\nbreak"
    assert configuration("json")["formatters"]["chosen"] == {"()": "segue_storage.logs.JsonFormatter"}
