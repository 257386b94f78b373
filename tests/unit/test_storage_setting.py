"""A setting by its variable or by a file that a variable names: the same value, never both, never shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from segue_authz import settings as authz
from segue_resource import settings as resource
from segue_storage.setting import BadSetting, database, setting, without_password

DATABASE = "postgresql://segue:hunter2@db.example/segue"
REDIS = "rediss://:hunter3@cache.example/0"
AUTHZ = {
    "SEGUE_AUTHZ_DATABASE": DATABASE,
    "SEGUE_AUTHZ_REDIS": REDIS,
    "SEGUE_AUTHZ_KEYS": "/keys",
    "SEGUE_AUTHZ_SECRET_FILE": "/secret",
}
RESOURCE = {
    "SEGUE_RESOURCE_DATABASE": DATABASE,
    "SEGUE_RESOURCE_REDIS": REDIS,
    "SEGUE_RESOURCE_KEY_FILE": "/master",
    "SEGUE_RESOURCE_NONCE_SECRET_FILE": "/nonce",
    "SEGUE_RESOURCE_BLOBS": "s3://segue-files",
    "SEGUE_RESOURCE_PARAGRAPH_URL": "https://words.example/paragraph?key=hunter4",
    "SEGUE_RESOURCE_SUMMARY_URL": "https://words.example/summary?key=hunter5",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "hunter6",
}
SECRET = [
    *((authz.from_environment, AUTHZ, f"SEGUE_AUTHZ_{name}") for name in ("DATABASE", "REDIS")),
    *((resource.from_environment, RESOURCE, name) for name in RESOURCE if "hunter" in RESOURCE[name]),
]
Read = Callable[[dict[str, str]], Any]


@pytest.mark.requirement("E5", "PROFILE-settings")
@pytest.mark.parametrize(("read", "environment", "name"), SECRET)
def test_a_secret_comes_from_a_file_as_from_its_variable(
    read: Read, environment: dict[str, str], name: str, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    file.write_text(f"{environment[name]}\n")
    by_file = {**environment, name: "", f"{name}_FILE": str(file)}
    assert read(by_file) == read(environment)
    assert "hunter" not in str(read(by_file).shown())
    assert name in read(by_file).shown()


@pytest.mark.requirement("PROFILE-settings")
@pytest.mark.parametrize(("read", "environment", "name"), SECRET)
def test_a_secret_in_both_places_is_refused(read: Read, environment: dict[str, str], name: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(environment[name])
    with pytest.raises(BadSetting, match=f"{name} and {name}_FILE") as refused:
        read({**environment, f"{name}_FILE": str(tmp_path / "secret")})
    assert "hunter" not in str(refused.value)


@pytest.mark.requirement("PROFILE-settings", "PROFILE-not-logged")
@pytest.mark.parametrize("content", [None, b"mysql://root:hunter2@db", b"\xff", b"postgresql://hunter2:\xff"])
def test_a_file_that_cannot_be_used_is_named_and_its_content_is_not(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(BadSetting, match="SEGUE_AUTHZ_DATABASE_FILE") as refused:
        setting({"SEGUE_AUTHZ_DATABASE_FILE": str(file)}, "SEGUE_AUTHZ_DATABASE", database, default="")
    assert "hunter2" not in str(refused.value)


def test_one_newline_at_the_end_of_a_file_is_no_part_of_the_value(tmp_path: Path) -> None:
    (tmp_path / "value").write_text("two\n\n")
    assert setting({"NAME_FILE": str(tmp_path / "value")}, "NAME", lambda _, value: value, default="") == "two\n"


@pytest.mark.requirement("PROFILE-not-logged")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://segue:hush@db/segue", "postgresql://segue:***@db/segue"),
        ("postgresql://db/segue?user=segue&password=hush", "postgresql://db/segue?user=segue&password=***"),
        (
            "postgresql://db/segue?sslpassword=hush&sslmode=require",
            "postgresql://db/segue?sslpassword=***&sslmode=require",
        ),
        ("redis://cache?password=hush", "redis://cache?password=***"),
        ("sqlite:////var/lib/segue/authz.db", "sqlite:////var/lib/segue/authz.db"),
    ],
)
def test_a_password_is_not_shown_wherever_it_stands(url: str, shown: str) -> None:
    assert without_password(url) == shown
