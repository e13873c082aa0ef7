import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads import normal
from leads.model import Item
from leads.normal import Email, Refused
from leads.tables import table


@pytest.mark.parametrize(
    ("text", "norm", "mailbox"),
    [
        (" Anna.Berg@Firma.example ", "anna.berg@firma.example", "anna.berg@firma.example"),
        ("<anna@firma.example>", "anna@firma.example", "anna@firma.example"),
        ("Anna Berg <anna@firma.example>", "anna@firma.example", "anna@firma.example"),
        ("mailto:anna@firma.example?subject=Hi", "anna@firma.example", "anna@firma.example"),
        ("anna@firma.example.", "anna@firma.example", "anna@firma.example"),
        ("anna+crm@firma.example", "anna+crm@firma.example", "anna@firma.example"),
        ("A.n.na+x@GoogleMail.com", "a.n.na+x@googlemail.com", "anna@gmail.com"),
        ("anna@straße.de", "anna@xn--strae-oqa.de", "anna@xn--strae-oqa.de"),
        ("Jörg@müller.de", "jörg@xn--mller-kva.de", "jörg@xn--mller-kva.de"),
        ("o'neil@firma.example", "o'neil@firma.example", "o'neil@firma.example"),
        ("+tag@firma.example", "+tag@firma.example", "+tag@firma.example"),
        ("what?@firma.example", "what?@firma.example", "what?@firma.example"),
    ],
)
def test_email(text, norm, mailbox):
    assert normal.email(text) == Email(norm, mailbox)


@pytest.mark.parametrize(
    "text", ["", "  ", "n/a", "anna", "anna@", "@x.de", "a@b@c.de", "a@b.de, c@d.de", "an na@x.de", "a@x", "a@x.invalid", "a..b@x.de"]
)
def test_what_is_no_email_is_refused_with_a_reason(text):
    found = normal.email(text)
    assert isinstance(found, Refused)
    assert found.reason != ""


ADDRESS = st.builds(
    "{}@{}.{}".format,
    st.text("abzÄ019._+-'", min_size=1, max_size=12),
    st.text("abyü01.-", min_size=1, max_size=12),
    st.sampled_from(["de", "com", "co.uk", "test", "x", "example", "DE"]),
)


@settings(max_examples=200)
@given(ADDRESS)
def test_the_short_way_and_the_library_agree(text):
    quick, checked = normal.email(text), normal._checked(normal._unwrapped(text).lower())
    assert quick.norm == checked if isinstance(quick, Email) else isinstance(checked, Refused)


@settings(max_examples=200)
@given(ADDRESS | st.text(max_size=30))
def test_a_normal_email_is_its_own_normal_form(text):
    found = normal.email(text)
    if isinstance(found, Email):
        assert normal.email(found.norm) == found
        again = normal.email(found.mailbox)
        assert isinstance(again, Email)
        assert again.mailbox == found.mailbox


@pytest.mark.parametrize(
    ("text", "region", "e164", "ext", "kind"),
    [
        ("+49 (0)30 1234567", None, "+49301234567", "", "fixed"),
        ("030/1234567", "DE", "+49301234567", "", "fixed"),
        ("0049 30 1234567", "US", "+49301234567", "", "fixed"),
        ("0151 42654492", "de", "+4915142654492", "", "mobile"),
        ("Tel.: 030 1234-567", "DE", "+49301234567", "", "fixed"),
        ("tel:+49-30-1234567", None, "+49301234567", "", "fixed"),
        ("(907) 634-9743 x12", "US", "+19076349743", "12", "other"),
        ("+44 (0)20 7946 0958 Durchwahl 262", None, "+442079460958", "262", "fixed"),
        ("+49301234567;ext=7", None, "+49301234567", "7", "fixed"),
        ("+49301234567 ext. 7", None, "+49301234567", "7", "fixed"),
        ("\uff0b49 30 1234567", None, "+49301234567", "", "fixed"),
    ],
)
def test_phone(text, region, e164, ext, kind):
    assert normal.phone(text, region) == normal.Phone(e164, ext, kind)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", "DE"),
        ("n/a", "DE"),
        ("110", "DE"),
        ("0000000000", "DE"),
        ("030 1234567", None),
        ("030 1234567, 040 7654321", "DE"),
        ("030 1234567 bitte abends", "DE"),
    ],
)
def test_what_is_no_phone_number_is_refused(text, region):
    assert isinstance(normal.phone(text, region), Refused)


@settings(max_examples=200)
@given(st.text("0123456789+()-/ x.", max_size=20), st.sampled_from([None, "DE", "US", "GB", "CH"]))
def test_a_written_phone_reads_back_the_same_everywhere(text, region):
    item = normal.item_phone(text, region, "work")
    if not item.key.startswith("raw:"):
        assert normal.item_phone(item.text, "AT", "work") == item


def test_items_keep_what_has_no_normal_form():
    assert normal.item_email(" Anna@Firma.example ") == Item("anna@firma.example", "anna@firma.example")
    assert normal.item_email("ask  Reception ") == Item("raw:ask reception", "ask Reception")
    assert normal.item_phone("(907) 634-9743 x12", "US", "work") == Item("+19076349743;ext=12", "+19076349743 ext. 12", "work")
    assert normal.item_phone(" Via  Ben ", "DE", "work") == Item("raw:via ben", "Via Ben", "work")


def test_fold_leaves_one_way_to_write_a_text():
    assert normal.fold(" Mu\u0308ller\u00a0\t GmbH\u200b\n") == "Müller GmbH"


@pytest.mark.parametrize(
    ("text", "first", "last", "salutation"),
    [
        ("Anna Berg", "Anna", "Berg", ""),
        ("Berg, Anna", "Anna", "Berg", ""),
        ("Berg, Dr. Anna", "Anna", "Berg", "Dr."),
        ("Frau Dr. Anna Berg", "Anna", "Berg", "Frau Dr."),
        ("Hans Peter Müller", "Hans Peter", "Müller", ""),
        ("Ludwig van Beethoven", "Ludwig", "van Beethoven", ""),
        ("Karl von der Heide", "Karl", "von der Heide", ""),
        ("Maria de la Cruz Gomez", "Maria", "de la Cruz Gomez", ""),
        ("van de Ven", "", "van de Ven", ""),
        ("van de Ven, Jan", "Jan", "van de Ven", ""),
        ("John Cross Jr.", "John", "Cross Jr.", ""),
        ("John Cross, Jr.", "John", "Cross Jr.", ""),
        ("Cross Jr.", "", "Cross Jr.", ""),
        ("Frau Berg", "", "Berg", "Frau"),
        ("Cher", "", "Cher", ""),
    ],
)
def test_a_name_in_one_field_is_taken_apart(text, first, last, salutation):
    assert normal.person_name(text) == normal.PersonName(first, last, salutation)


@settings(max_examples=200)
@given(st.lists(st.sampled_from(["Anna", "Berg", "von", "de", "Dr.", "Jr.", "Herr", ","]), max_size=5).map(" ".join))
def test_no_word_of_a_name_is_lost(text):
    found = normal.person_name(text)
    if not isinstance(found, Refused):
        assert sorted(f"{found.first} {found.last} {found.salutation}".split()) == sorted(text.replace(",", " ").split())


@pytest.mark.parametrize(
    ("text", "form"), [("herr", "Herr"), ("MR", "Mr."), ("ms.", "Ms."), ("Frau  Dr", "Frau Dr."), ("Exzellenz", "Exzellenz")]
)
def test_salutation(text, form):
    assert normal.salutation(text) == form


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("de", "DE"),
        ("DEU", "DE"),
        ("Deutschland", "DE"),
        ("GERMANY", "DE"),
        ("UK", "GB"),
        ("U.K.", "GB"),
        ("Großbritannien", "GB"),
        ("England", "GB"),
        ("Österreich", "AT"),
        ("Oesterreich", "AT"),
        ("Schweiz", "CH"),
        ("Suisse", "CH"),
        ("U.S.A.", "US"),
        ("United States of America", "US"),
        ("Vereinigte Staaten", "US"),
        ("España", "ES"),
        ("Espana", "ES"),
        ("Nederland", "NL"),
        ("The Netherlands", "NL"),
        ("Holland", "NL"),
        ("Türkiye", "TR"),
        ("Turkey", "TR"),
        ("Česko", "CZ"),
        ("Czech Republic", "CZ"),
        ("Russia", "RU"),
        ("Korea, Republic of", "KR"),
        ("Côte d’Ivoire", "CI"),
        ("日本", "JP"),
        ("中国", "CN"),
        ("Ελλάδα", "GR"),
        ("Україна", "UA"),
    ],
)
def test_country(text, code):
    assert normal.country(text) == code


def test_every_country_is_known_by_its_code_and_each_of_its_names():
    names = table("countries")["names"]
    assert len(names) == 250
    assert all(normal.country(spelling) == code for code, spellings in names.items() for spelling in (code, *spellings))


@pytest.mark.parametrize("text", ["", "Atlantis", "XX", "Bavaria"])
def test_an_unknown_country_is_refused(text):
    assert isinstance(normal.country(text), Refused)


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("de", "de"),
        ("DE", "de"),
        ("Deutsch", "de"),
        ("German", "de"),
        ("ger", "de"),
        ("de_AT", "de-at"),
        ("en-US", "en-us"),
        ("Français", "fr"),
        ("zh-Hant-TW", "zh-hant-tw"),
    ],
)
def test_language(text, tag):
    assert normal.language(text) == tag


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Müller GmbH & Co. KG", "muller"),
        ("MÜLLER", "muller"),
        ("Gordon & Anthony Inc.", "gordon and anthony"),
        ("Rey Design S.L.", "rey design"),
        ("Acme Sp. z o.o.", "acme"),
        ("SAS Institute", "sas institute"),
        ("GmbH", "gmbh"),
        ("Bar und Co. KG", "bar"),
        ("Biolux  KG", "biolux"),
    ],
)
def test_company(text, name):
    assert normal.company(text) == name


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("Firma.example/", "https://firma.example"),
        ("HTTP://Firma.example", "http://firma.example"),
        ("https://firma.example/Jobs/?a=B", "https://firma.example/Jobs/?a=B"),
        ("www.müller.de:8080", "https://www.müller.de:8080"),
    ],
)
def test_website(text, url):
    assert normal.website(text) == url


@pytest.mark.parametrize("text", ["", "n/a", "info@firma.example", "keine Website", "ftp://firma.example", "10.0.0.1", "http://x.de:port"])
def test_what_is_no_website_is_refused(text):
    assert isinstance(normal.website(text), Refused)


def test_the_registrable_domain_knows_public_suffixes():
    assert normal.registrable("www.firma.co.uk") == "firma.co.uk"
    assert isinstance(normal.registrable("co.uk"), Refused)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1200", 1200),
        ("1.200", 1200),
        ("1,200", 1200),
        ("1 200", 1200),
        ("1'200", 1200),
        ("1.234.567", 1234567),
        ("1.200,00", 1200),
        ("120.0", 120),
        ("-5", -5),
    ],
)
def test_number(text, value):
    assert normal.number(text) == value


@pytest.mark.parametrize("text", ["", "50-100", "250+", "12.5", "1.2.3", "ca. 50", "many", "1.200,50"])
def test_what_is_no_whole_number_is_refused(text):
    assert isinstance(normal.number(text), Refused)


FORMS = [normal.fold, normal.plain, normal.company, normal.country, normal.language, normal.website, normal.salutation]
ANY_TEXT = st.text(max_size=20) | st.sampled_from(
    ["http://", "x.de/?", "//x.de", "http://[", "x.de:99999", "Hr. ", "GmbH & Co", "de-", "İ", "ǰ", "ﬁ", "\u0344"]
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
@settings(max_examples=200)
@given(ANY_TEXT)
def test_a_normal_form_is_its_own_normal_form(form, text):
    found = form(text)
    assert isinstance(found, Refused) or form(found) == found


@settings(max_examples=200)
@given(ANY_TEXT | st.text("0123456789.,' -+", max_size=12))
def test_nothing_written_makes_a_form_fail(text):
    for form in (normal.email, normal.phone, normal.person_name, normal.number, normal.registrable, normal.item_email, normal.item_phone):
        assert form(text) == form(text)
