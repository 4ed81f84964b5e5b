"""The register of providers: every one of them can be imported, chosen, and read about."""

from pathlib import Path

import pytest
from flask import Flask

from tasks import channels
from tasks.channels import PROVIDERS, provider, provider_class, provider_name
from tasks.channels.base import Channel
from tasks.config import Settings

SWITCHES = {
    "fcm": {"fcm_credentials": Path("account.json")}, "sparrow": {"sparrow_token": "v2_x"},
    "smtp": {"smtp_url": "smtp://127.0.0.1"},
}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_what_the_register_says(name: str) -> None:
    entry, found = PROVIDERS[name], provider_class(name)
    assert issubclass(found, Channel)
    assert found.name == name
    assert found.__module__ == f"tasks.channels.{name}"
    assert found.channel == entry.channel
    assert found.requires == ((entry.setting,) if entry.setting else ())
    assert all(required in Settings.model_fields for required in found.requires)


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_documented(name: str) -> None:
    found = provider_class(name)
    module = __import__(found.__module__, fromlist=["x"])
    for thing in (module, found, found.send_one):
        assert thing.__doc__
        assert len(thing.__doc__) > 30


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_is_bounded(name: str) -> None:
    found = provider_class(name)
    assert 0 < found.connect_timeout <= 5
    assert 0 < found.read_timeout <= 10
    assert 1 <= found.batch <= 32
    assert found.concurrency >= 1


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_has_a_test_of_its_own(name: str) -> None:
    assert (Path(__file__).parent / f"test_{name}.py").exists()


def test_nothing_configured_means_the_simulator_and_in_app_is_real() -> None:
    config = Settings()
    assert {channel: provider_name(channel, config) for channel in ("in_app", "push", "sms", "email")} == {
        "in_app": "socketio", "push": "simulator", "sms": "simulator", "email": "simulator",
    }


@pytest.mark.parametrize("name", SWITCHES)
def test_a_setting_switches_its_provider_on_and_no_other(name: str) -> None:
    config = Settings(**SWITCHES[name])  # type: ignore[arg-type]
    chosen = {channel: provider_name(channel, config) for channel in ("push", "sms", "email")}
    assert chosen.pop(PROVIDERS[name].channel) == name
    assert set(chosen.values()) == {"simulator"}
    assert provider_class(name).configured(config)
    assert not provider_class(name).configured(Settings())


def test_a_provider_is_made_once_per_app() -> None:
    app = Flask("test")
    app.extensions.update({"carillon.settings": Settings(), "carillon.providers": {}})
    with app.app_context():
        email, sms = provider("email"), provider("sms")
        assert provider("email") is email
        assert sms is not email
    assert app.extensions["carillon.providers"] == {"email": email, "sms": sms}


def test_only_what_is_configured_is_imported() -> None:
    source = Path(channels.__file__).read_text()
    assert "firebase" not in source.partition("PROVIDERS")[0].replace("firebase-admin alone takes", "")
