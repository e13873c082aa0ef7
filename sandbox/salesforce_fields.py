"""Salesforce's objects and fields as describe tells them: types, lengths, picklists, rights."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.custom_fields import CUSTOM_FIELDS, CustomField

SALUTATIONS = ("Mr.", "Ms.", "Mrs.", "Dr.", "Prof.")
LEAD_STATUS = ("Open - Not Contacted", "Working - Contacted", "Closed - Converted", "Closed - Not Converted")
SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
RATINGS = ("Hot", "Warm", "Cold")
INDUSTRIES = (
    "Agriculture", "Apparel", "Banking", "Biotechnology", "Chemicals", "Communications", "Construction", "Consulting", "Education",
    "Electronics", "Energy", "Engineering", "Entertainment", "Environmental", "Finance", "Food & Beverage", "Government", "Healthcare",
    "Hospitality", "Insurance", "Machinery", "Manufacturing", "Media", "Not For Profit", "Recreation", "Retail", "Shipping",
    "Technology", "Telecommunications", "Transportation", "Utilities", "Other",
)  # fmt: skip
CONTACT_POINTS = ("Email", "Phone", "MailingAddress", "Social", "Web")
CONSENT_STATES = ("NotSeen", "Seen", "OptIn", "OptOut")
TEXTS = ("string", "textarea", "phone", "email", "url", "picklist", "multipicklist")
SOAP = {"boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double", "currency": "xsd:double", "datetime": "xsd:dateTime",
        "date": "xsd:date", "id": "tns:ID", "reference": "tns:ID", "address": "urn:address"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    label: str
    type: str = "string"
    length: int = 0
    options: tuple[str, ...] = ()
    restricted: bool = False
    createable: bool = True
    updateable: bool = True
    required: bool = False
    default: str | None = None
    custom: bool = False
    unique: bool = False
    external_id: bool = False
    case_sensitive: bool = False
    refers: tuple[str, ...] = ()
    relation: str | None = None
    compound: str | None = None  # the compound field it is a part of
    id_lookup: bool = False

    @property
    def is_text(self) -> bool:
        return self.type in TEXTS

    @property
    def nillable(self) -> bool:
        always = ("Name", "OwnerId", *SYSTEM_NAMES)
        return not self.required and self.default is None and self.type != "boolean" and self.name not in always

    def describe(self, *, filterable: bool = True) -> dict[str, Any]:
        numeric = self.type in ("double", "currency")
        options = [_option(value, self.default) for value in self.options]
        long = self.type == "textarea" and self.length > 255
        return {
            "aggregatable": True, "aiPredictionField": False, "autoNumber": False, "byteLength": self.length * 3, "calculated": False,
            "calculatedFormula": None, "cascadeDelete": False, "caseSensitive": self.case_sensitive, "compoundFieldName": self.compound,
            "controllerName": None, "createable": self.createable, "custom": self.custom,
            "defaultValue": False if self.type == "boolean" else None, "defaultValueFormula": None,
            "defaultedOnCreate": self.type == "boolean" or self.default is not None or self.name in SYSTEM_NAMES or self.name == "OwnerId",
            "dependentPicklist": False, "deprecatedAndHidden": False,
            "digits": 9 if self.type == "int" else 0, "displayLocationInDecimal": False,
            "encrypted": False, "externalId": self.external_id, "extraTypeInfo": None,
            "filterable": filterable and not long,
            "filteredLookupInfo": None, "formulaTreatNullNumberAsZero": False,
            "groupable": not long and self.type not in ("address", "datetime", "double"), "highScaleNumber": False, "htmlFormatted": False,
            "idLookup": self.id_lookup or self.external_id or self.name == "Id",
            "inlineHelpText": None, "label": self.label, "length": self.length,
            "mask": None, "maskType": None, "name": self.name, "nameField": self.name == "Name", "namePointing": False,
            "nillable": self.nillable, "permissionable": self.custom or not self.required, "picklistValues": options,
            "polymorphicForeignKey": len(self.refers) > 1, "precision": 18 if numeric else 0, "queryByDistance": False,
            "referenceTargetField": None, "referenceTo": list(self.refers), "relationshipName": self.relation, "relationshipOrder": None,
            "restrictedDelete": False, "restrictedPicklist": self.restricted, "scale": 0, "searchPrefilterable": False,
            "soapType": SOAP.get(self.type, "xsd:string"), "sortable": not long and self.type != "address", "type": self.type,
            "unique": self.unique, "updateable": self.updateable, "writeRequiresMasterRead": False,
        }  # fmt: skip


def _option(value: str, default: str | None) -> dict[str, Any]:
    return {"active": True, "defaultValue": value == default, "label": value, "validFor": None, "value": value}


def _read_only(name: str, label: str, type: str, length: int = 0, **more: Any) -> Field:
    return Field(name, label, type, length, createable=False, updateable=False, **more)


def _user(name: str, label: str) -> Field:
    return _read_only(name, label, "reference", 18, refers=("User",), relation=name.removesuffix("Id"))


SYSTEM = (
    _read_only("Id", "Record ID", "id", 18),
    _read_only("IsDeleted", "Deleted", "boolean"),
    _read_only("CreatedDate", "Created Date", "datetime"),
    _user("CreatedById", "Created By ID"),
    _read_only("LastModifiedDate", "Last Modified Date", "datetime"),
    _user("LastModifiedById", "Last Modified By ID"),
    _read_only("SystemModstamp", "System Modstamp", "datetime"),
)
SYSTEM_NAMES = tuple(field.name for field in SYSTEM)


def _person(object: str, *, title: int = 128) -> list[Field]:
    return [
        _read_only("MasterRecordId", "Master Record ID", "reference", 18, refers=(object,), relation="MasterRecord"),
        Field("LastName", "Last Name", "string", 80, required=True, compound="Name"),
        Field("FirstName", "First Name", "string", 40, compound="Name"),
        Field("Salutation", "Salutation", "picklist", 40, SALUTATIONS, compound="Name"),
        _read_only("Name", "Full Name", "string", 121),
        Field("Title", "Title", "string", title),
        Field("Phone", "Phone", "phone", 40),
        Field("MobilePhone", "Mobile Phone", "phone", 40),
        Field("Fax", "Fax", "phone", 40),
        Field("Email", "Email", "email", 80, id_lookup=True),
        Field("LeadSource", "Lead Source", "picklist", 255, SOURCES),
        Field("Description", "Description", "textarea", 32000),
        Field("HasOptedOutOfEmail", "Email Opt Out", "boolean"),
        Field("HasOptedOutOfFax", "Fax Opt Out", "boolean"),
        Field("DoNotCall", "Do Not Call", "boolean"),
        Field("IndividualId", "Individual ID", "reference", 18, refers=("Individual",), relation="Individual"),
        Field("EmailBouncedReason", "Email Bounced Reason", "string", 255, createable=False),
        Field("EmailBouncedDate", "Email Bounced Date", "datetime", createable=False),
    ]


ADDRESS_PARTS = (
    ("Street", "Street", "textarea", 255),
    ("City", "City", "string", 40),
    ("State", "State/Province", "string", 80),
    ("PostalCode", "Zip/Postal Code", "string", 20),
    ("Country", "Country", "string", 80),
)


def _address(prefix: str, label: str, compound: str) -> list[Field]:
    fields = [Field(f"{prefix}{name}", f"{label}{text}", type, length, compound=compound) for name, text, type, length in ADDRESS_PARTS]
    return [*fields, _read_only(compound, f"{label}Address", "address")]


LEAD = [
    *SYSTEM,
    *_person("Lead"),
    Field("Company", "Company", "string", 255, required=True),
    *_address("", "", "Address"),
    Field("Website", "Website", "url", 255),
    Field("Status", "Lead Status", "picklist", 255, LEAD_STATUS, default="Open - Not Contacted"),
    Field("Industry", "Industry", "picklist", 255, INDUSTRIES),
    Field("Rating", "Rating", "picklist", 255, RATINGS),
    Field("AnnualRevenue", "Annual Revenue", "currency"),
    Field("NumberOfEmployees", "Employees", "int"),
    Field("OwnerId", "Owner ID", "reference", 18, refers=("Group", "User"), relation="Owner"),
    _read_only("IsConverted", "Converted", "boolean"),
    _read_only("ConvertedDate", "Converted Date", "date"),
    _read_only("ConvertedAccountId", "Converted Account ID", "reference", 18, refers=("Account",), relation="ConvertedAccount"),
    _read_only("ConvertedContactId", "Converted Contact ID", "reference", 18, refers=("Contact",), relation="ConvertedContact"),
    _read_only(
        "ConvertedOpportunityId", "Converted Opportunity ID", "reference", 18, refers=("Opportunity",), relation="ConvertedOpportunity"
    ),
]
CONTACT = [
    *SYSTEM,
    *_person("Contact"),
    Field("AccountId", "Account ID", "reference", 18, refers=("Account",), relation="Account"),
    *_address("Mailing", "Mailing ", "MailingAddress"),
    Field("Department", "Department", "string", 80),
    Field("Birthdate", "Birthdate", "date"),
    Field("OwnerId", "Owner ID", "reference", 18, refers=("User",), relation="Owner"),
]
ACCOUNT = [
    *SYSTEM,
    _read_only("MasterRecordId", "Master Record ID", "reference", 18, refers=("Account",), relation="MasterRecord"),
    Field("Name", "Account Name", "string", 255, required=True),
    Field("Phone", "Account Phone", "phone", 40),
    Field("Website", "Website", "url", 255),
    Field("Industry", "Industry", "picklist", 255, INDUSTRIES),
    Field("NumberOfEmployees", "Employees", "int"),
    Field("Description", "Account Description", "textarea", 32000),
    *_address("Billing", "Billing ", "BillingAddress"),
    Field("OwnerId", "Owner ID", "reference", 18, refers=("User",), relation="Owner"),
]
USER = [
    *SYSTEM,
    Field("Username", "Username", "string", 80, required=True),
    Field("LastName", "Last Name", "string", 80, required=True),
    Field("FirstName", "First Name", "string", 40),
    Field("Name", "Full Name", "string", 121),
    Field("Email", "Email", "email", 128),
    Field("IsActive", "Active", "boolean"),
    Field("UserType", "User Type", "picklist", 40, ("Standard",)),
    Field("ProfileId", "Profile ID", "reference", 18, refers=("Profile",), relation="Profile"),
]
GROUP = [
    *SYSTEM,
    Field("Name", "Name", "string", 40, required=True),
    Field("DeveloperName", "Developer Name", "string", 80),
    Field("Type", "Type", "picklist", 40, ("Regular", "Queue")),
    Field("Email", "Email", "email", 255),
]
ORGANIZATION = [
    *SYSTEM,
    Field("Name", "Name", "string", 80),
    Field("IsSandbox", "Is Sandbox", "boolean"),
    Field("InstanceName", "Instance Name", "string", 5),
]
PERMISSION_SET = [
    *SYSTEM,
    Field("Name", "Permission Set Name", "string", 80, required=True),
    Field("Label", "Permission Set Label", "string", 80, required=True),
    Field("IsOwnedByProfile", "Is Owned By Profile", "boolean"),
    Field("ProfileId", "Profile ID", "reference", 18, refers=("Profile",), relation="Profile"),
]
FIELD_PERMISSIONS = [
    *SYSTEM,
    Field("ParentId", "Parent ID", "reference", 18, required=True, refers=("PermissionSet",), relation="Parent"),
    Field("SobjectType", "Sobject Type Name", "picklist", 40, required=True),
    Field("Field", "Field Name", "picklist", 255, required=True),
    Field("PermissionsRead", "Read Field", "boolean"),
    Field("PermissionsEdit", "Edit Field", "boolean"),
]
ASSIGNMENT = [
    *SYSTEM,
    Field("PermissionSetId", "PermissionSet ID", "reference", 18, required=True, refers=("PermissionSet",), relation="PermissionSet"),
    Field("AssigneeId", "Assignee ID", "reference", 18, required=True, refers=("User",), relation="Assignee"),
]
CUSTOM_FIELD = [
    *SYSTEM,
    Field("DeveloperName", "Developer Name", "string", 80),
    Field("TableEnumOrId", "Entity", "string", 80),
    Field("FullName", "Full Name", "string", 255),
]
INDIVIDUAL = [
    *SYSTEM,
    Field("LastName", "Last Name", "string", 80, required=True),
    Field("FirstName", "First Name", "string", 40),
    Field("ShouldForget", "Forget this Individual", "boolean"),
    Field("SendIndividualData", "Export Individual's Data", "boolean"),
    Field("CanStorePiiElsewhere", "OK to Store PII Elsewhere", "boolean"),
    Field("HasOptedOutProcessing", "Don't Process", "boolean"),
    Field("HasOptedOutProfiling", "Don't Profile", "boolean"),
    Field("HasOptedOutSolicit", "Don't Market", "boolean"),
    Field("HasOptedOutTracking", "Don't Track", "boolean"),
    Field("HasOptedOutGeoTracking", "Block Geolocation Tracking", "boolean"),
]
TASK = [
    *SYSTEM,
    Field("Subject", "Subject", "string", 255),
    Field("WhoId", "Name", "reference", 18, refers=("Contact", "Lead"), relation="Who"),
]
DOCUMENT_LINK = [
    *SYSTEM,
    Field("LinkedEntityId", "Linked Entity", "reference", 18, refers=("Lead", "Contact"), relation="LinkedEntity"),
]
DATA_USE_PURPOSE = [
    *SYSTEM,
    Field("Name", "Name", "string", 255, required=True),
    Field("Description", "Description", "textarea", 32000),
]
CONSENT = [
    *SYSTEM,
    Field("Name", "Name", "string", 80, required=True),
    Field("PartyId", "Party", "reference", 18, required=True, refers=("Individual",), relation="Party"),
    Field("ContactPointType", "Contact Point Type", "picklist", 40, CONTACT_POINTS, restricted=True, required=True),
    Field("PrivacyConsentStatus", "Privacy Consent Status", "picklist", 40, CONSENT_STATES, restricted=True, required=True),
    Field("CaptureDate", "Consent Captured Date Time", "datetime", required=True),
    Field("CaptureSource", "Consent Captured Source", "string", 255, required=True),
    Field("CaptureContactPointType", "Consent Captured Contact Point Type", "picklist", 40, CONTACT_POINTS, required=True),
    Field("DataUsePurposeId", "Data Use Purpose", "reference", 18, refers=("DataUsePurpose",), relation="DataUsePurpose"),
    Field("EffectiveFrom", "Effective From", "datetime"),
    Field("EffectiveTo", "Effective To", "datetime"),
    Field("DoubleConsentCaptureDate", "Double Consent Captured Date Time", "datetime"),
]  # fmt: skip
ENTITY_DEFINITION = [*SYSTEM, _read_only("QualifiedApiName", "Qualified API Name", "string", 255)]
FIELD_DEFINITION = [
    *SYSTEM,
    _read_only("EntityDefinitionId", "Entity Definition ID", "reference", 18, refers=("EntityDefinition",), relation="EntityDefinition"),
    _read_only("QualifiedApiName", "Qualified API Name", "string", 255),
    _read_only("IsFieldHistoryTracked", "Is Field History Tracked", "boolean"),
]


def _history(object: str) -> list[Field]:
    """What a history object has: no modification, for its rows are never changed."""
    return [
        *(field for field in SYSTEM if field.name in ("Id", "IsDeleted", "CreatedDate", "CreatedById")),
        _read_only(f"{object}Id", f"{object} ID", "reference", 18, refers=(object,), relation=object),
        _read_only("Field", "Changed Field", "picklist", 255),
        _read_only("DataType", "Datatype", "picklist", 40),
        _read_only("OldValue", "Old Value", "anyType", 255),
        _read_only("NewValue", "New Value", "anyType", 255),
    ]


# name -> (key prefix, label, fields)
OBJECTS: dict[str, tuple[str, str, list[Field]]] = {
    "Lead": ("00Q", "Lead", LEAD),
    "Contact": ("003", "Contact", CONTACT),
    "Account": ("001", "Account", ACCOUNT),
    "User": ("005", "User", USER),
    "Task": ("00T", "Task", TASK),
    "Event": ("00U", "Event", TASK),
    "ContentDocumentLink": ("06A", "Content Document Link", DOCUMENT_LINK),
    "Group": ("00G", "Group", GROUP),
    "Organization": ("00D", "Organization", ORGANIZATION),
    "PermissionSet": ("0PS", "Permission Set", PERMISSION_SET),
    "FieldPermissions": ("01k", "Field Permissions", FIELD_PERMISSIONS),
    "PermissionSetAssignment": ("0Pa", "Permission Set Assignment", ASSIGNMENT),
    "CustomField": ("00N", "Custom Field", CUSTOM_FIELD),
    "EntityDefinition": ("4ie", "Entity Definition", ENTITY_DEFINITION),
    "FieldDefinition": ("4fe", "Field Definition", FIELD_DEFINITION),
    "LeadHistory": ("017", "Lead History", _history("Lead")),
    "ContactHistory": ("03j", "Contact History", _history("Contact")),
    "Individual": ("0PK", "Individual", INDIVIDUAL),
    "ContactPointTypeConsent": ("0ZX", "Contact Point Type Consent", CONSENT),
    "DataUsePurpose": ("0ZW", "Data Use Purpose", DATA_USE_PURPOSE),
}
PRIVACY_OBJECTS = ("Individual", "ContactPointTypeConsent", "DataUsePurpose")
HISTORY_OBJECTS = ("LeadHistory", "ContactHistory")  # there only where fields of the object are tracked
PRIVACY_FIELDS = ("IndividualId",)  # of Lead and Contact: there only where the feature is on
HIDDEN_OBJECTS = ("CustomField",)


def fields_of(object: str, *, bare: bool) -> dict[str, Field]:
    found = {field.name: field for field in OBJECTS[object][2]}
    if not bare and object in ("Lead", "Contact"):
        custom = (_of_hub(field) for field in CUSTOM_FIELDS if object.lower() in field.where)
        found.update((field.name, field) for field in custom)
    return found


def _of_hub(field: CustomField) -> Field:
    base = Field(field.api_name, field.label, custom=True)
    if field.type == "option":
        return replace(base, type="picklist", length=255, options=field.options, restricted=True)
    if field.type == "int":
        return replace(base, type="double")
    if field.type == "long_text":
        return replace(base, type="textarea", length=32768)
    return replace(base, length=255, unique=field.unique, external_id=field.unique)


def from_metadata(name: str, metadata: dict[str, Any]) -> Field:
    """A custom field from what the Tooling API is given."""
    type, length = {
        "Text": ("string", 255), "TextArea": ("textarea", 255), "LongTextArea": ("textarea", 32768), "Number": ("double", 0),
        "Checkbox": ("boolean", 0), "Picklist": ("picklist", 255), "Email": ("email", 80), "Phone": ("phone", 40), "Url": ("url", 255),
        "Date": ("date", 0), "DateTime": ("datetime", 0),
    }.get(str(metadata.get("type")), ("", 0))  # fmt: skip
    values = metadata.get("valueSet") or {}
    options = tuple(str(one.get("fullName")) for one in (values.get("valueSetDefinition") or {}).get("value") or [])
    return Field(
        name, str(metadata.get("label") or name), type, int(metadata.get("length") or length), options,
        restricted=bool(values.get("restricted")), custom=True, unique=bool(metadata.get("unique")),
        external_id=bool(metadata.get("externalId")), case_sensitive=bool(metadata.get("caseSensitive")),
    )  # fmt: skip


def describe_summary(name: str, base: str) -> dict[str, Any]:
    prefix, label, _ = OBJECTS[name]
    person = name in ("Lead", "Contact", "Account")
    return {
        "activateable": False, "associateEntityType": None, "associateParentEntity": None, "createable": True, "custom": False,
        "customSetting": False, "deepCloneable": False, "deletable": person or name.startswith(("Field", "Permission")),
        "deprecatedAndHidden": False, "feedEnabled": person, "hasSubtypes": False, "isInterface": False, "isSubtype": False,
        "keyPrefix": prefix, "label": label, "labelPlural": f"{label}s", "layoutable": person, "mergeable": person, "mruEnabled": person,
        "name": name, "queryable": True, "replicateable": True, "retrieveable": True, "searchable": person, "triggerable": person,
        "undeletable": person, "updateable": True,
        "urls": {
            "sobject": f"{base}/sobjects/{name}", "describe": f"{base}/sobjects/{name}/describe",
            "rowTemplate": f"{base}/sobjects/{name}/{{ID}}",
        },
    }  # fmt: skip


UNUSED = (
    "defaultImplementation", "extendedBy", "extendsInterfaces", "implementedBy", "implementsInterfaces", "lookupLayoutable",
    "namedLayoutInfos", "networkScopeFieldName",
)  # fmt: skip


def describe(name: str, fields: Iterable[dict[str, Any]], base: str) -> dict[str, Any]:
    record_type = {
        "active": True, "available": True, "defaultRecordTypeMapping": True, "developerName": "Master", "master": True, "name": "Master",
        "recordTypeId": "012000000000000AAA", "urls": {"layout": f"{base}/sobjects/{name}/describe/layouts/012000000000000AAA"},
    }  # fmt: skip
    return {
        **describe_summary(name, base), **dict.fromkeys(UNUSED), "actionOverrides": [], "childRelationships": [], "compactLayoutable": True,
        "fields": list(fields), "listviewable": None, "recordTypeInfos": [record_type], "searchLayoutable": True, "supportedScopes": [],
        "sobjectDescribeOption": "FULL",
    }  # fmt: skip
