"""The custom fields that the hub asks a customer to create, as each CRM of the sandbox has them from the start (`--bare`: not)."""

from __future__ import annotations

from dataclasses import dataclass

STAGES = ("raw", "mql", "sql", "hot", "customer", "nurture", "disqualified", "lost")
ANSWERS = ("no", "unknown", "partial", "yes")


@dataclass(frozen=True, slots=True)
class CustomField:
    name: str
    type: str  # text, long_text, int, bool, option
    where: frozenset[str]  # hubspot, lead, contact
    options: tuple[str, ...] = ()
    unique: bool = False

    @property
    def label(self) -> str:
        return self.name.replace("_", " ").capitalize()

    @property
    def api_name(self) -> str:
        """Salesforce's name: Leadloom_Lead_Id__c."""
        return "_".join(word.capitalize() for word in self.name.split("_")) + "__c"


def _field(name: str, type: str, where: str, options: tuple[str, ...] = (), *, unique: bool = False) -> CustomField:
    return CustomField(name, type, frozenset(where.split()), options, unique)


CUSTOM_FIELDS = (
    _field("leadloom_key", "text", "hubspot lead contact", unique=True),
    _field("leadloom_lead_id", "text", "hubspot lead contact"),
    _field("leadloom_stage", "option", "hubspot lead contact", STAGES),
    _field("leadloom_score", "int", "hubspot lead contact"),
    _field("leadloom_grade", "text", "hubspot lead contact"),
    _field("leadloom_reason", "text", "hubspot lead contact"),
    _field("leadloom_source", "text", "hubspot lead contact"),
    _field("leadloom_bant_budget", "option", "hubspot lead contact", ANSWERS),
    _field("leadloom_bant_authority", "option", "hubspot lead contact", ANSWERS),
    _field("leadloom_bant_need", "option", "hubspot lead contact", ANSWERS),
    _field("leadloom_bant_timing", "option", "hubspot lead contact", ANSWERS),
    _field("leadloom_language", "text", "hubspot lead contact"),
    _field("leadloom_other_emails", "long_text", "hubspot lead contact"),
    _field("leadloom_other_phones", "long_text", "hubspot lead contact"),
    _field("leadloom_employees", "int", "hubspot contact"),
    _field("leadloom_do_not_call", "bool", "hubspot"),
    _field("leadloom_website", "text", "contact"),
    _field("leadloom_industry", "text", "contact"),
)

# What a seed row's columns mean, by our custom field.
SEED_COLUMNS = {
    "leadloom_stage": "stage",
    "leadloom_source": "source",
    "leadloom_bant_budget": "budget",
    "leadloom_bant_authority": "authority",
    "leadloom_bant_need": "need",
    "leadloom_bant_timing": "timing",
    "leadloom_language": "language",
    "leadloom_employees": "employees",
    "leadloom_website": "website",
    "leadloom_industry": "industry",
}
