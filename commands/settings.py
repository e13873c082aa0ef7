"""The settings: one TOML file, every key overridable from the environment, every mistake reported at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

from commands import checks

PREFIX = "LEADLOOM__"

AccountName = Annotated[str, AfterValidator(checks.account_name)]
CustomName = Annotated[str, AfterValidator(checks.custom_name)]
FieldName = Annotated[str, AfterValidator(checks.field_name)]
Url = Annotated[str, AfterValidator(checks.base_url)]
Member = TypeVar("Member")
Listed = Annotated[tuple[Member, ...], BeforeValidator(checks.listed)]
Percent = Annotated[float, Field(ge=0, le=100)]
Secret = Annotated[SecretStr, Field(min_length=1)]


class Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Store(Table):
    url: Annotated[str, AfterValidator(checks.store_url)] = Field(
        default="sqlite:///leadloom.db",
        repr=False,
        description="where Leadloom remembers: sqlite:///FILE, or postgresql+psycopg://user@host/db (extra `postgres`)",
    )


class Defaults(Table):
    region: Annotated[str, AfterValidator(checks.region)] | None = Field(
        default=None, description="country of phone numbers written without one, two letters; unset: such numbers stay as typed"
    )
    timezone: Annotated[str, AfterValidator(checks.timezone)] = Field(default="UTC", description="zone in which times are shown")


class Account(Table):
    crm: str
    objects: tuple[str, ...]
    pacing: bool = Field(default=True, description="keep to the vendor's rate limits; false only against a local server")
    purchased: dict[str, Listed[str]] = Field(
        default_factory=dict, description="which values of which fields tell that a record is from a bought list: it stays in quarantine"
    )
    consent_fields: bool = Field(
        default=False,
        description="show status, day and id of the deciding event of the consent ledger in fields of ours; run `leadloom setup`",
    )


Purposes = dict[str, Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\.[a-z0-9_]+)*$")]]  # "265778" = "marketing.newsletter"


class Merging(Account):
    """A CRM whose records can be merged from outside."""

    merge_duplicates: bool = Field(
        default=False, description="merge further records of one person inside this CRM; planned, behind a guard, and final"
    )


class HubSpot(Merging):
    crm: Literal["hubspot"] = Field(description="which CRM this is")
    token: Secret | None = Field(default=None, description="access token of a private app")
    client_id: Secret | None = Field(default=None, description="instead of a token: a public app's client id")
    client_secret: Secret | None = Field(default=None, description="with client_id: that app's secret")
    refresh_token: Secret | None = Field(default=None, description="with client_id: the refresh token of your portal")
    base_url: Url = Field(default="https://api.hubapi.com", description="where the API is")
    objects: Listed[Literal["contacts"]] = Field(default=("contacts",), min_length=1, description="what is synced")
    purposes: Purposes = Field(
        default_factory=dict, description="what subscription types are about, by id; others have a purpose of their own"
    )


class Salesforce(Account):
    crm: Literal["salesforce"] = Field(description="which CRM this is")
    instance_url: Url = Field(description="your My Domain, such as https://example.my.salesforce.com")
    client_id: Secret | None = Field(default=None, description="consumer key of an external client app or connected app")
    client_secret: Secret | None = Field(default=None, description="its consumer secret, for the client credentials flow")
    private_key_file: Path | None = Field(default=None, description="for the JWT bearer flow instead: the private key of its certificate")
    username: str | None = Field(default=None, description="with private_key_file: the user Leadloom acts as")
    login_url: Url = Field(
        default="https://login.salesforce.com", description="with private_key_file: https://test.salesforce.com for a sandbox org"
    )
    session_id: Secret | None = Field(default=None, description="a ready access token, instead of all these; it expires after hours")
    api_version: Annotated[str, StringConstraints(pattern=r"^[0-9]+\.0$")] = Field(default="59.0", description="version of the REST API")
    base_url: Url | None = Field(default=None, description="where the API is, if not at instance_url")
    objects: Listed[Literal["Lead", "Contact"]] = Field(default=("Lead", "Contact"), min_length=1, description="what is synced")
    purposes: Purposes = Field(default_factory=dict, description="what Data Use Purposes are about, by id; the others are about themselves")
    purchased: dict[str, Listed[str]] = Field(
        default={"LeadSource": ("Purchased List",)},
        description="which values of which fields tell that a record is from a bought list: it stays in quarantine",
    )


class Pipedrive(Merging):
    crm: Literal["pipedrive"] = Field(description="which CRM this is")
    token: Secret = Field(description="personal API token of the user Leadloom acts as")
    base_url: Url = Field(description="your company's address, such as https://example.pipedrive.com")
    objects: Listed[Literal["persons"]] = Field(default=("persons",), min_length=1, description="what is synced")


class ActiveCampaign(Account):
    crm: Literal["activecampaign"] = Field(description="which CRM this is")
    token: Secret = Field(description="API key, from Settings, Developer")
    base_url: Url = Field(description="your account's API address, such as https://example.api-us1.com")
    objects: Listed[Literal["contacts"]] = Field(default=("contacts",), min_length=1, description="what is synced")
    purposes: Purposes = Field(default_factory=dict, description="what lists are about, by id; the others are about themselves")


AnyAccount = Annotated[HubSpot | Salesforce | Pipedrive | ActiveCampaign, Field(discriminator="crm")]


class Scope(Table):
    create: bool = Field(default=False, description="create leads here that other CRMs have; without it Leadloom links and updates only")
    when: Annotated[dict[str, Any], AfterValidator(checks.predicate)] | None = Field(
        default=None, description="only for leads of which this is true"
    )


OnEnd = Literal["unlink", "recreate", "disqualify", "delete"]
OnMove = Literal["follow", "unlink"]


class Endings(Table):
    deleted: OnEnd = Field(
        default="unlink",
        description="a record was deleted here: unlink (the lead and its other records stay), recreate it here, disqualify the lead, "
        "or delete its other records, behind the guard on deletes",
    )
    archived: OnEnd = Field(default="unlink", description="the same where a record was archived")
    hidden: Literal["unlink", "disqualify"] = Field(
        default="unlink", description="the same where it is not shown any more, nobody says why"
    )
    merged: OnMove = Field(default="follow", description="records were merged here: go on with the survivor (follow), or unlink")
    converted: OnMove = Field(default="follow", description="a Salesforce lead was converted: go on with its contact (follow), or unlink")
    out_of_scope: Literal["keep", "dormant"] = Field(
        default="keep", description="the lead is not in [scope.NAME] any more: go on writing (keep), or write opt-outs only (dormant)"
    )


class Guards(Table):
    first_run: Literal["plan", "apply"] = Field(
        default="plan", description="an account that was never synced is planned and nothing written (exit 7) until --yes or apply"
    )
    creates: int = Field(default=5000, ge=0, description="more new records than this in one CRM in one run wait (exit 7) for --allow")
    creates_percent: Percent = Field(default=50.0, description="the same, as a share of the linked records, from 1000 records on")
    updates: int = Field(default=20000, ge=0, description="more changed records than this in one CRM in one run wait")
    updates_percent: Percent = Field(default=50.0, description="the same, as a share of the linked records, from 1000 records on")
    clears: int = Field(default=500, ge=0, description="more records than this that would have a field emptied wait")
    clears_percent: Percent = Field(default=5.0, description="the same, as a share of the linked records, from 20 records on")
    deletes: int = Field(default=25, ge=0, description="more deletions than this in one CRM in one run wait (see [endings.NAME])")
    deletes_percent: Percent = Field(default=1.0, description="the same, as a share of the linked records, from 5 records on")
    merges: int = Field(default=25, ge=0, description="more merges than this inside one CRM in one run wait (see merge_duplicates)")
    merges_percent: Percent = Field(default=1.0, description="the same, as a share of the linked records, from 5 records on")
    restrictions: int = Field(default=500, ge=0, description="more opt-outs than this for one CRM in one run wait")
    restrictions_percent: Percent = Field(default=5.0, description="the same, as a share of the linked records, where that is more than 20")
    emptied_percent: Percent = Field(
        default=30.0, description="more than this share of the linked records, and more than 10, gone at once: nothing is written anywhere"
    )


class Identity(Table):
    certain: Literal["ask", "join"] = Field(
        default="ask",
        description="leads that the evidence makes one person (9.3 bits and more, about one mistake in a thousand): ask a person, or join "
        "them unasked; `leadloom undo` takes each back",
    )


class Consent(Table):
    profile: Literal["de-strict"] = Field(default="de-strict", description="which rules of consent apply")
    found: Literal["leave"] = Field(default="leave", description="permissions found at the first read stay as they are")
    controller: str = Field(default="", description="who answers for the data, as it stands on a receipt: name and address")
    withdrawal: str = Field(default="", description="how consent can be taken back, as it stands on a receipt")


Age = Annotated[str, AfterValidator(checks.age)]  # 14d, 24mo, 3y; 0 for never


class Privacy(Table):
    key_file: Path = Field(default=Path("leadloom.key"), description="the key of the list; made by the first erasure, keep a copy of it")
    list_file: Path = Field(
        default=Path("leadloom.erased"), description="who was erased, as keyed hashes; a backup of the store may be too old to know it"
    )


class Retention(Table):
    unconfirmed: Age = Field(default="14d", description="how long a sign-up may wait for its confirmation")
    prospect: Age = Field(default="3y", description="how long somebody who is no customer may be silent")
    email_proof: Age = Field(
        default="3y", description="how long the proof of a consent that was taken back is kept, to the end of that year"
    )
    phone_proof: Age = Field(default="5y", description="how long the proof for a phone number is kept, from the consent and from each use")
    suppression_review: Age = Field(default="3y", description="when somebody should look whether an entry among the erased is still needed")


class FieldRule(Table):
    winner: checks.WinnerName | None = Field(default=None, description="who wins when two CRMs changed the field to different values")
    direction: Literal["both", "in", "out", "off"] | None = Field(
        default=None, description="both ways, only from the CRMs (in), only to the CRMs (out), or not at all (off)"
    )

    owner: AccountName | None = Field(default=None, description='with winner = "owner": the account whose value wins')
    blank: Literal["clear", "keep", "ask"] | None = Field(
        default=None, description="a value emptied in one CRM is emptied everywhere (clear), written back (keep), or asked about (ask)"
    )


class CustomField(Table):
    field: str = Field(min_length=1, description="the field of the CRM, by its API name or by what people call it")
    type: Literal["text", "number", "yes_no"] = Field(default="text", description="what it holds; numbers may have decimals")
    direction: Literal["both", "in", "out"] = Field(default="both", description="both ways, only read from there (in), only written (out)")


class Fields(Table):
    precedence: Listed[AccountName] = Field(default=(), description="accounts by trust, the first wins; default: order of the accounts")
    flips: int = Field(
        default=3, ge=1, description="a record that takes back what Leadloom wrote so often within a day: a person is asked who is right"
    )
    rules: dict[FieldName, FieldRule] = Field(default_factory=dict, description="rules per field")


class RuleFile(Table):
    file: Path | None = Field(default=None, description="a rule file of your own; unset: the one that ships")


class Settings(BaseSettings):
    """Everything a run may be told. Immutable; paths and SQLite addresses are absolute."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, env_prefix=PREFIX, env_nested_delimiter="__", enable_decoding=False
    )

    store: Store = Store()
    defaults: Defaults = Defaults()
    accounts: dict[AccountName, AnyAccount] = Field(min_length=1)
    scope: dict[AccountName, Scope] = Field(default_factory=dict)
    endings: dict[AccountName, Endings] = Field(default_factory=dict)
    guards: Guards = Guards()
    identity: Identity = Identity()
    consent: Consent = Consent()
    privacy: Privacy = Privacy()
    retention: Retention = Retention()
    fields: Annotated[Fields, BeforeValidator(checks.gathered)] = Fields()
    mappings: dict[AccountName, dict[str, dict[CustomName, CustomField]]] = Field(default_factory=dict)
    scoring: RuleFile = RuleFile()
    routing: RuleFile = RuleFile()

    @property
    def precedence(self) -> tuple[str, ...]:
        """All accounts by trust: those named first, the others in their order in the file."""
        named = self.fields.precedence
        return (*named, *(name for name in self.accounts if name not in named))

    @property
    def store_file(self) -> Path | None:
        """The file of a SQLite store; None for a database server."""
        file = self.store.url.removeprefix("sqlite:///")
        return Path(file) if file != self.store.url else None

    def custom_fields(self) -> list[str]:
        """The fields of your own, as the lead knows them."""
        return sorted({f"custom.{name}" for objects in self.mappings.values() for rows in objects.values() for name in rows})

    def scope_of(self, account: str) -> Scope:
        return self.scope.get(account, Scope())


ACCOUNTS: Mapping[str, type[Account]] = {
    "hubspot": HubSpot,
    "salesforce": Salesforce,
    "pipedrive": Pipedrive,
    "activecampaign": ActiveCampaign,
}

# Every table of the file with the keys it may hold; NAME stands for a name of your own, or of a field.
TABLES: Mapping[str, tuple[type[BaseModel], ...]] = {
    "store": (Store,),
    "defaults": (Defaults,),
    "accounts.NAME": tuple(ACCOUNTS.values()),
    "scope.NAME": (Scope,),
    "endings.NAME": (Endings,),
    "guards": (Guards,),
    "identity": (Identity,),
    "consent": (Consent,),
    "privacy": (Privacy,),
    "retention": (Retention,),
    "fields": (Fields,),
    "fields.NAME": (FieldRule,),
    "mappings.NAME.OBJECT.FIELD": (CustomField,),
    "scoring": (RuleFile,),
    "routing": (RuleFile,),
}
