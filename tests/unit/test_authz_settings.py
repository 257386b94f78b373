"""The authorization server's settings: defaults, bounds, and errors that say what would be accepted."""

import pytest
from segue_authz.settings import Registering, from_environment
from segue_storage.setting import BadSetting


@pytest.mark.requirement("E5")
def test_without_variables_one_machine_is_served_over_loopback() -> None:
    settings = from_environment({})
    assert settings.issuer == "http://localhost:8400"
    assert settings.embedded
    assert settings.registration is Registering.INVITED
    assert settings.audiences == ("http://localhost:8401", "http://localhost:8400")


@pytest.mark.requirement("PROFILE-settings", "RFC9449-2-a", "RFC8693-6-a", "CIBA-7", "MCP-TLS-a")
@pytest.mark.parametrize(
    "environment",
    [
        {"SEGUE_AUTHZ_ISSUER": "http://id.example"},
        {"SEGUE_AUTHZ_ISSUER": "https://id.example/"},
        {"SEGUE_AUTHZ_ISSUER": "https://id.example?x"},
        {"SEGUE_RESOURCE_URL": "ftp://x"},
        {"SEGUE_AUTHZ_AUDIENCES": "https://a.example nonsense"},
        {"SEGUE_AUTHZ_DATABASE": "mysql://x"},
        {"SEGUE_AUTHZ_REDIS": "http://x"},
        {"SEGUE_AUTHZ_GRANT_LIFETIME": "forever"},
        {"SEGUE_AUTHZ_GRANT_LIFETIME": "1"},
        {"SEGUE_AUTHZ_BROWSER_SESSION_LIFETIME": "\uff11\uff10\uff10\uff10"},
        {"SEGUE_AUTHZ_CHECK_IN": "4h"},
        {"SEGUE_AUTHZ_CHECK_IN": "604801"},
        {"SEGUE_AUTHZ_REGISTRATION": "on"},
        {"SEGUE_AUTHZ_BOUND_SESSIONS": "sometimes"},
    ],
)
def test_a_bad_value_is_refused_and_names_its_variable(environment: dict[str, str]) -> None:
    with pytest.raises(BadSetting, match=next(iter(environment))):
        from_environment(environment)


@pytest.mark.requirement("PROFILE-settings", "XD-RACE-10")
@pytest.mark.parametrize("missing", ["SEGUE_AUTHZ_KEYS", "SEGUE_AUTHZ_SECRET_FILE", "SEGUE_AUTHZ_REDIS"])
def test_with_postgresql_what_processes_share_must_be_named(missing: str) -> None:
    environment = {
        "SEGUE_AUTHZ_DATABASE": "postgresql://segue:hush@db/segue",
        "SEGUE_AUTHZ_REDIS": "redis://:hush@cache",
        "SEGUE_AUTHZ_KEYS": "/keys",
        "SEGUE_AUTHZ_SECRET_FILE": "/secret",
    }
    assert not from_environment(environment).embedded
    with pytest.raises(BadSetting, match=missing):
        from_environment({name: value for name, value in environment.items() if name != missing})


@pytest.mark.requirement("PROFILE-not-logged")
def test_settings_are_shown_without_passwords() -> None:
    shown = from_environment(
        {
            "SEGUE_AUTHZ_DATABASE": "postgresql://segue:hush@db/segue",
            "SEGUE_AUTHZ_REDIS": "redis://:hush@cache",
            "SEGUE_AUTHZ_KEYS": "/keys",
            "SEGUE_AUTHZ_SECRET_FILE": "/secret",
        }
    ).shown()
    assert "hush" not in str(shown)
    assert shown["SEGUE_AUTHZ_DATABASE"] == "postgresql://segue:***@db/segue"
