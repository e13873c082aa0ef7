"""The text of settings files that Leadloom writes: for your own CRMs, or for the local ones of the sandbox."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

SANDBOX_MARK = "# Written by `leadloom sandbox`"

ACCOUNTS = {
    "hubspot": """\
[accounts.hubspot]
crm = "hubspot"
token = "${HUBSPOT_TOKEN}"                  # private app: Settings, Integrations, Private apps
""",
    "salesforce": """\
[accounts.salesforce]
crm = "salesforce"
instance_url = "https://EXAMPLE.my.salesforce.com"
client_id = "${SF_CLIENT_ID}"               # an external client app with the client credentials flow
client_secret = "${SF_CLIENT_SECRET}"
""",
    "pipedrive": """\
[accounts.pipedrive]
crm = "pipedrive"
base_url = "https://EXAMPLE.pipedrive.com"
token = "${PIPEDRIVE_TOKEN}"                # Personal preferences, API
""",
    "activecampaign": """\
[accounts.activecampaign]
crm = "activecampaign"
base_url = "https://EXAMPLE.api-us1.com"
token = "${AC_TOKEN}"                       # Settings, Developer
""",
}


def starter(crms: Iterable[str]) -> str:
    chosen = list(crms)
    accounts = "\n".join(ACCOUNTS[crm] for crm in chosen)
    scopes = "\n".join(f"# [scope.{crm}]\n# create = true\n" for crm in chosen)
    return f"""\
# Leadloom settings. Every key: docs/reference/settings.md
# Values in ${{...}} are read from the environment, so that no secret is in this file.

[store]
url = "sqlite:///leadloom.db"

[defaults]
region = "DE"                               # country of phone numbers written without one
timezone = "Europe/Berlin"

{accounts}
# Without these lines Leadloom links and updates the records that are there, and creates none.
{scopes}
[guards]
first_run = "plan"                          # the first run shows what it would write, and writes nothing
"""


def for_sandbox(ready: Mapping[str, Mapping[str, str]]) -> str:
    """Settings that let a first `sync` create and write everywhere at once, against servers on this machine."""
    tables = "\n".join(_sandbox_account(crm, login) for crm, login in ready.items())
    return f"""\
{SANDBOX_MARK}: local servers, no vendor is contacted.

[store]
url = "sqlite:///leadloom.db"

[defaults]
region = "DE"
timezone = "Europe/Berlin"

[guards]
first_run = "apply"

{tables}"""


def _sandbox_account(crm: str, login: Mapping[str, str]) -> str:
    if crm == "salesforce":
        keys = {"instance_url": login["base_url"], "client_id": login["client_id"], "client_secret": login["client_secret"]}
    else:
        keys = {"base_url": login["base_url"], "token": login["token"]}
    lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'[accounts.{crm}]\ncrm = "{crm}"\n{lines}pacing = false\n\n[scope.{crm}]\ncreate = true\n'
