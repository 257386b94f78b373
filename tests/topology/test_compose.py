"""deploy/docker-compose.yml and its image, read rather than run: everything that they name is there."""

import ipaddress
import re
import shlex
import subprocess
import tomllib
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from installation import DEPLOY, PROXY
from private_nginx import BEHIND
from segue_authz.settings import from_environment as authz_settings
from segue_resource.settings import from_environment as resource_settings

pytestmark = pytest.mark.requirement("E5")
ROOT = DEPLOY.parent
TEXT = (DEPLOY / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "SEGUE_IMAGE" in service["image"]}
SERVERS = {name: service for name, service in OURS.items() if name in BEHIND}
COMMANDS = {command.name: command for command in entry_points(group="segue.commands")}


def test_every_variable_is_a_setting() -> None:
    known = {*authz_settings({}).shown(), *resource_settings({}).shown(), "SSL_CERT_FILE"}
    for service in OURS.values():
        for name in service["environment"]:
            assert name in known or name.removesuffix("_FILE") in known, name


@pytest.mark.parametrize("name", OURS)
def test_a_file_that_a_setting_names_is_given_to_the_process(name: str) -> None:
    service = SERVICES[name]
    there = [f"/run/secrets/{secret}" for secret in service["secrets"]]
    there += [volume.removesuffix(":ro").rpartition(":")[2] for volume in service.get("volumes", [])]
    named = [value for value in service["environment"].values() if value.removeprefix("file://").startswith("/")]
    needed = [value for value in named if name != "migrate" or "url" in value]  # which only looks at the database
    missing = [value for value in needed if not value.removeprefix("file://").startswith(tuple(there))]
    assert missing == []


def test_secrets_are_files_and_no_variable_holds_one(tmp_path: Path) -> None:
    subprocess.run([DEPLOY / "make-secrets", tmp_path], check=True)
    made = {f"./secrets/{file.name}" for file in (tmp_path / "secrets").iterdir()}
    in_env = dict(line.split("=", 1) for line in _lines(DEPLOY / "example.env"))
    for secret in COMPOSE["secrets"].values():
        file = secret["file"]
        assert file in made or in_env[file.strip("${:?}")].startswith("./secrets/tls-")
    for service in SERVICES.values():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        for name, value in service.get("environment", {}).items():
            assert not re.search("PASSWORD|SECRET|KEY|DATABASE|REDIS", name) or "/" in value


def test_secrets_are_made_once(tmp_path: Path) -> None:
    subprocess.run([DEPLOY / "make-secrets", tmp_path], check=True)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    subprocess.run([DEPLOY / "make-secrets", tmp_path], check=True)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == before
    assert all((tmp_path / name).stat().st_mode & 0o077 == 0 for name in ("secrets", "keys"))


def test_every_path_volume_network_and_variable_that_is_named_is_there() -> None:
    given = {line.partition("=")[0] for line in _lines(DEPLOY / "example.env")}
    assert set(re.findall(r"\$\{(\w+)", TEXT)) == given
    for service in SERVICES.values():
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("depends_on", ())) <= set(SERVICES)
        for volume in service.get("volumes", []):
            place = volume.partition(":")[0]
            made = ("./keys", "./backups", "${")
            assert place in COMPOSE["volumes"] or place.startswith(made) or (DEPLOY / place).exists()


def test_the_proxy_knows_where_each_server_is() -> None:
    subnet = ipaddress.ip_network(COMPOSE["networks"]["front"]["ipam"]["config"][0]["subnet"])
    assert set(SERVERS) == set(BEHIND)
    for name, service in SERVERS.items():
        address, _, port = BEHIND[name].partition(":")
        assert service["networks"]["front"]["ipv4_address"] == address
        assert ipaddress.ip_address(address) in subnet
        assert f"http://127.0.0.1:{port}/readyz" in service["healthcheck"]["test"][-1]
        assert service["command"][-2:] == ["--forwarded-allow-ips", PROXY]
    assert SERVICES["proxy"]["networks"]["front"]["ipv4_address"] == PROXY


def test_servers_wait_for_the_tables_and_are_started_again() -> None:
    for service in SERVERS.values():
        assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
        assert service["restart"] == "unless-stopped"
    assert "restart" not in SERVICES["migrate"]


def test_nothing_of_ours_can_write_where_it_lies_or_gain_rights() -> None:
    for name in (*OURS, "proxy"):
        assert SERVICES[name]["read_only"] is True
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["proxy"]
    assert {name for name, service in SERVICES.items() if "front" not in service["networks"]} == {
        *("database", "redis", "migrate")
    }


def test_the_image_is_made_of_parts_that_exist_and_runs_a_command_that_exists() -> None:
    dockerfile = (DEPLOY / "Dockerfile").read_text()
    for copied in re.findall(r"^COPY (?!--from)(\S+) ", dockerfile, re.MULTILINE):
        assert (ROOT / copied).exists()
        assert f"!{copied}" in (DEPLOY / "Dockerfile.dockerignore").read_text()
    installed = dockerfile.partition("pip ")[2].partition("FROM")[0]
    for part, extras in re.findall(r"(\./[\w/]+)(?:\[([\w,]+)\])?", installed):
        project = tomllib.loads((ROOT / part / "pyproject.toml").read_text())["project"]
        assert {extra for extra in extras.split(",") if extra} <= set(project.get("optional-dependencies", {}))
    assert 'ENTRYPOINT ["segue"]' in dockerfile
    assert "segue" in {script.name for script in entry_points(group="console_scripts")}
    assert re.search(r"^USER [1-9]\d+$", dockerfile, re.MULTILINE)


def test_what_the_containers_run_and_the_readme_says_are_real_commands(capsys: pytest.CaptureFixture[str]) -> None:
    lines = re.findall(r"docker compose run --rm (?:operate|migrate) ([^`#\n]*)", (DEPLOY / "README.md").read_text())
    told = [words for line in lines if (words := shlex.split(line))]
    assert len(told) > 8
    for words in [*told, *(OURS[name]["command"] for name in (*SERVERS, "migrate"))]:
        steps = [word for word in words[1:2] if re.fullmatch(r"[a-z]+", word)]  # `segue tasks keys`, `segue restored`
        with pytest.raises(SystemExit, match="0"):
            COMMANDS[words[0]].load()([*steps, "--help"])
        helped = capsys.readouterr().out
        assert [word for word in words if word.startswith("--") and word not in helped] == [], words


@pytest.mark.parametrize("script", ["make-secrets", "rolling-restart"])
def test_scripts_are_shell_that_can_be_run(script: str) -> None:
    file = DEPLOY / script
    subprocess.run(["sh", "-n", file], check=True)
    assert file.stat().st_mode & 0o111 == 0o111


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
