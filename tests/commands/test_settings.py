from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from commands.reading import SettingsWrong, read_settings, settings_path
from commands.settings import HubSpot, Salesforce

HUB = '[accounts.hub]\ncrm = "hubspot"\ntoken = "secret-1"\n'


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str) -> Path:
        path = tmp_path / "leadloom.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def mistakes(written):
    def read(text: str) -> list[str]:
        with pytest.raises(SettingsWrong) as wrong:
            read_settings(written(text))
        return [str(mistake) for mistake in wrong.value.mistakes]

    return read


def test_a_token_is_all_that_hubspot_needs(written):
    hub = read_settings(written(HUB)).accounts["hub"]
    assert isinstance(hub, HubSpot)
    assert hub.token.get_secret_value() == "secret-1"
    assert hub.base_url == "https://api.hubapi.com"
    assert hub.objects == ("contacts",)


def test_settings_never_show_a_secret(written):
    assert "secret-1" not in repr(read_settings(written(HUB)))


def test_settings_cannot_be_changed(written):
    settings = read_settings(written(HUB))
    with pytest.raises(ValidationError):
        settings.guards.first_run = "apply"


def test_the_environment_wins_over_the_file(written, monkeypatch):
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__HUB__TOKEN", "1234")
    assert read_settings(written(HUB)).accounts["hub"].token.get_secret_value() == "1234"


def test_a_whole_account_can_come_from_the_environment(written, monkeypatch):
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__SF__CRM", "salesforce")
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__SF__SESSION_ID", "s")
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__SF__INSTANCE_URL", "https://x.my.salesforce.com")
    monkeypatch.setenv("LEADLOOM__ACCOUNTS__SF__OBJECTS", "Contact, Lead")
    monkeypatch.setenv("LEADLOOM__FIELDS__COMPANY__NAME__WINNER", "precedence")
    settings = read_settings(written(HUB))
    sf = settings.accounts["sf"]
    assert isinstance(sf, Salesforce)
    assert sf.objects == ("Contact", "Lead")
    assert settings.fields.rules["company.name"].winner == "precedence"
    assert settings.precedence == ("hub", "sf")


def test_a_value_may_name_a_variable(written, monkeypatch):
    monkeypatch.setenv("MY_TOKEN", "from outside")
    assert read_settings(written(HUB.replace("secret-1", "${MY_TOKEN}"))).accounts["hub"].token.get_secret_value() == "from outside"


def test_a_missing_variable_is_named(mistakes):
    assert mistakes(HUB.replace("secret-1", "${NO_SUCH}")) == [
        "leadloom.toml: accounts.hub.token: the environment variable NO_SUCH is not set"
    ]


def test_paths_are_meant_from_the_folder_of_the_file(written, tmp_path, monkeypatch):
    monkeypatch.chdir("/")
    (tmp_path / "mine.toml").touch()
    settings = read_settings(written(HUB + '[scoring]\nfile = "mine.toml"\n[store]\nurl = "sqlite:///data/leads.db"\n'))
    assert settings.scoring.file == tmp_path / "mine.toml"
    assert settings.store.url == f"sqlite:///{tmp_path}/data/leads.db"


def test_an_absolute_store_stays_where_it_is(written):
    assert read_settings(written(HUB + '[store]\nurl = "sqlite:////srv/leads.db"\n')).store.url == "sqlite:////srv/leads.db"


def test_named_accounts_come_first_in_precedence(written):
    text = HUB + HUB.replace(".hub]", ".second]") + HUB.replace(".hub]", ".third]") + '[fields]\nprecedence = ["third"]\n'
    assert read_settings(written(text)).precedence == ("third", "hub", "second")


def test_a_field_with_a_dot_can_be_written_in_two_ways(written):
    nested = read_settings(written(HUB + '[fields.company.name]\nwinner = "precedence"\n'))
    quoted = read_settings(written(HUB + '[fields."company.name"]\nwinner = "precedence"\n'))
    assert nested.fields == quoted.fields


def test_all_mistakes_are_told_at_once(mistakes):
    found = mistakes("""
        [stor]
        url = "x"
        [defaults]
        region = "de"
        timezone = "Europe/Berln"
        [accounts.hub]
        crm = "hubspot"
        tokn = "abc"
        [accounts.sf]
        crm = "salesfroce"
        [accounts.two]
        crm = "salesforce"
        instance_url = "http://example.com"
        client_id = "x"
        objects = ["Leads"]
        pacing = "maybe"
        [scope.hubb]
        create = true
        [fields]
        precedence = ["sff"]
        [fields.emails]
        winner = "furthest"
        [fields."adress.city"]
        direction = "in"
        [fields.score]
        direction = "in"
        [fields.opt_out.email]
        direction = "off"
        winner = "newest"
        [scoring]
        file = "nowhere.toml"
        """)
    assert found == [
        "leadloom.toml: accounts.hub: expected token, or client_id, client_secret and refresh_token",
        'leadloom.toml: accounts.hub.tokn: no such key. Did you mean "token"?',
        'leadloom.toml: accounts.sf.crm: expected one of hubspot, salesforce, pipedrive, activecampaign. Did you mean "salesforce"?',
        "leadloom.toml: accounts.two: expected client_id and client_secret, or client_id, private_key_file and username, or session_id",
        "leadloom.toml: accounts.two.instance_url: expected https: the token would travel in clear. "
        "Plain http is for servers on this machine only",
        "leadloom.toml: accounts.two.objects: expected 'Lead' or 'Contact'. Did you mean \"Lead\"?",
        "leadloom.toml: accounts.two.pacing: expected true or false",
        'leadloom.toml: defaults.region: expected a country of two capital letters, such as "DE"',
        'leadloom.toml: defaults.timezone: expected a time zone such as "Europe/Berlin". Did you mean "Europe/Berlin"?',
        'leadloom.toml: fields.adress.city: no such field of a lead. Did you mean "address.city"?',
        "leadloom.toml: fields.emails.winner: for this field: union",
        "leadloom.toml: fields.opt_out.email.direction: for this field: both",
        "leadloom.toml: fields.opt_out.email.winner: for this field: restrictive",
        'leadloom.toml: fields.precedence: there is no account "sff". Did you mean "sf"?',
        "leadloom.toml: fields.score.direction: for this field: out or off",
        'leadloom.toml: scope.hubb: there is no account of this name. Did you mean "hub"?',
        "leadloom.toml: scoring.file: there is no file nowhere.toml (looked in the folder of the settings)",
        'leadloom.toml: stor: no such key. Did you mean "store"?',
    ]


def test_a_mistake_from_the_environment_names_the_variable(mistakes, monkeypatch):
    monkeypatch.setenv("LEADLOOM__GARDS__FIRST_RUN", "plan")
    monkeypatch.setenv("LEADLOOM__GUARDS__FIRST_RUNN", "plan")
    monkeypatch.setenv("LEADLOOM__STORE__URL", "mysql://x")
    assert mistakes(HUB) == [
        'LEADLOOM__GARDS__FIRST_RUN: gards.first_run: no such table. Did you mean "guards"?',
        'LEADLOOM__GUARDS__FIRST_RUNN: guards.first_runn: no such key. Did you mean "first_run"?',
        "LEADLOOM__STORE__URL: store.url: expected sqlite:///FILE or postgresql+psycopg://user@host/database",
    ]


def test_a_mistake_never_shows_a_secret(mistakes):
    text = "\n".join(
        mistakes('[accounts.hub]\ncrm = "hubspot"\ntokn = "secret-1"\ntoken = ["secret-2"]\nbase_url = "http://u:secret-3@x.y"\n')
    )
    assert "secret" not in text


@pytest.mark.parametrize("name", ["Hub", "my-hub", "1hub", "häb"])
def test_account_names_are_plain(mistakes, name):
    (found,) = mistakes(f'[accounts."{name}"]\ncrm = "hubspot"\ntoken = "x"\n')
    assert "starts with a small letter" in found


def test_no_account_at_all(mistakes):
    assert mistakes("") == ["leadloom.toml: accounts: is missing: connect a CRM with a table such as [accounts.hubspot]"]


def test_broken_toml_is_told_with_its_line(mistakes):
    (found,) = mistakes("[accounts\n")
    assert "this is not TOML" in found
    assert "line 1" in found


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(SettingsWrong, match="leadloom init"):
        read_settings(tmp_path / "none.toml")


def test_salesforce_has_two_ways_in_and_wants_one(mistakes):
    sf = '[accounts.sf]\ncrm = "salesforce"\ninstance_url = "https://x.my.salesforce.com"\n'
    both = 'client_id = "a"\nclient_secret = "b"\nsession_id = "c"\n'
    sentence = (
        "leadloom.toml: accounts.sf: expected client_id and client_secret, or client_id, private_key_file and username, or session_id"
    )
    assert mistakes(sf) == [sentence]
    assert mistakes(sf + both) == [sentence]
    assert mistakes(sf + 'client_secret = "b"\n') == [
        "leadloom.toml: accounts.sf.client_id: is missing: client_id and client_secret go together"
    ]


def test_hubspot_can_be_entered_with_a_refresh_token(written):
    hub = read_settings(written('[accounts.hub]\ncrm = "hubspot"\nclient_id = "a"\nclient_secret = "b"\nrefresh_token = "c"\n')).accounts[
        "hub"
    ]
    assert isinstance(hub, HubSpot)
    assert hub.token is None


def test_a_condition_is_checked_with_the_rest(mistakes):
    (found,) = mistakes(HUB + '[scope.hub]\nwhen = { field = "stag", op = "in", value = ["mql"] }\n')
    assert found.startswith("leadloom.toml: scope.hub.when: when.field: expected a field of a lead")


@pytest.mark.parametrize("host", ["127.0.0.1:9101", "localhost:9101", "[::1]:9101"])
def test_plain_http_is_fine_on_this_machine(written, host):
    assert read_settings(written(HUB + f'base_url = "http://{host}/"\n')).accounts["hub"].base_url == f"http://{host}"


def test_the_file_is_named_by_option_then_environment_then_habit(monkeypatch, tmp_path):
    assert settings_path(None) == Path("leadloom.toml")
    monkeypatch.setenv("LEADLOOM_CONFIG", "/x/y.toml")
    assert settings_path(None) == Path("/x/y.toml")
    assert settings_path(tmp_path) == tmp_path
