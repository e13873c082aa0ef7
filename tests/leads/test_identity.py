import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leads.identity import Agreement, names_agree, usable_mailbox
from leads.normal import Refused

SAME = [
    (("Anna", "Berg"), ("anna", "BERG")),
    (("Jörg", "Müller"), ("Joerg", "Mueller")),
    (("Jörg", "Müller"), ("Jorg", "Muller")),
    (("Éléonore", "Hamon"), ("Eleonore", "Hamon")),
    (("Łukasz", "Wójcik"), ("Lukasz", "Wojcik")),
    (("Søren", "Ødegård"), ("Soren", "Odegard")),
    (("Hans", "Groß"), ("Hans", "Gross")),
    (("H.", "Groß"), ("Hans", "Gross")),
    (("A", "Berg"), ("Anna", "Berg")),
    (("Anna M.", "Berg"), ("Anna Maria", "Berg")),
    (("Anna", "Berg"), ("Anna Maria", "Berg")),
    (("Bob", "Smith"), ("Robert", "Smith")),
    (("Bill", "Gates"), ("William", "Gates")),
    (("Liz", "Taylor"), ("Elizabeth", "Taylor")),
    (("Tom", "Jones"), ("Thomas", "Jones")),
    (("Kate", "Brown"), ("Catherine", "Brown")),
    (("Mike", "Ross"), ("Michael", "Ross")),
    (("Jim", "Kirk"), ("James", "Kirk")),
    (("Peggy", "Olson"), ("Margaret", "Olson")),
    (("Sepp", "Maier"), ("Josef", "Maier")),
    (("Uschi", "Glas"), ("Ursula", "Glas")),
    (("Uli", "Hahn"), ("Ulrich", "Hahn")),
    (("Kathi", "Stein"), ("Katharina", "Stein")),
    (("Fritz", "Lang"), ("Friedrich", "Lang")),
    (("Heinz", "Kunze"), ("Heinrich", "Kunze")),
    (("Matze", "Knop"), ("Matthias", "Knop")),
    (("Basti", "Weiss"), ("Sebastian", "Weiß")),
    (("Gabi", "Koch"), ("Gabriele", "Koch")),
    (("Lutz", "Ahrens"), ("Ludwig", "Ahrens")),
    (("Berg", "Anna"), ("Anna", "Berg")),
    (("Müller", "Jörg"), ("Joerg", "Mueller")),
    (("Karl-Heinz", "Vogt"), ("Karlheinz", "Vogt")),
    (("Karl Heinz", "Vogt"), ("Karl-Heinz", "Vogt")),
    (("Hans-Peter", "Vogt"), ("Hans", "Vogt")),
    (("Arnim", "Langefig-Hentschel"), ("Arnim", "Langefig")),
    (("Anna", "Schmidt-Berg"), ("Anna", "Berg")),
    (("Anna", "Berg geb. Schmidt"), ("Anna", "Schmidt")),
    (("Anna", "Berg (geb. Schmidt)"), ("Anna", "Berg")),
    (("Jan", "van der Berg"), ("Jan", "Van Der Berg")),
    (("Ludwig", "van Beethoven"), ("Ludwig", "Beethoven")),
    (("Otto", "von Bismarck"), ("Otto", "Bismarck")),
    (("Thomas", "Schmidt"), ("Thomas", "Schmitd")),
    (("Thomas", "Schmidt"), ("Thoma", "Schmidt")),
    (("Sophie", "Keller"), ("Sofie", "Keller")),
    (("Dr. Anna", "Berg"), ("Anna", "Berg")),
    (("Prof. Dr. Anna", "Berg"), ("A.", "Berg")),
    (("Anna", "Berg (verstorben)"), ("Anna", "Berg")),
    (("Anna", "Forwarth - DO NOT CALL"), ("Anna", "Forwarth")),
    (("Max", "Hentschel †"), ("Max", "Hentschel")),
    (("", "Anna Berg"), ("Anna", "Berg")),
    (("Anna Berg", ""), ("Anna", "Berg")),
    (("", "Berg, Anna"), ("Anna", "Berg")),
    (("John", "Cross Jr."), ("John", "Cross")),
    (("John", "Cross Jr."), ("John", "Cross II")),
    (("Aaron-John", "Doe"), ("John Aaron", "Doe")),
]
UNSURE = [
    (("", "Berg"), ("Anna", "Berg")),
    (("Anna", ""), ("Anna", "Berg")),
    (("Anna", ""), ("", "Berg")),
    (("", ""), ("Anna", "Berg")),
    (("Team", ""), ("Anna", "Berg")),
    (("", "[not provided]"), ("Anna", "Berg")),
    (("unknown", "unknown"), ("Anna", "Berg")),
    (("Berg", ""), ("Anna", "Berg")),
    (("", "Grein Groth"), ("Anna", "Grein Groth")),
    (("A.", "B."), ("Anna", "Berg")),
]
DIFFERENT = [
    (("Anna", "Berg"), ("Ben", "Berg")),
    (("Anna", "Berg"), ("Anna", "Stein")),
    (("Anna", "Berg"), ("Clara", "Novak")),
    (("A.", "Berg"), ("Ben", "Berg")),
    (("Jean-Paul", "Petit"), ("Jean-Luc", "Petit")),
    (("Tim", "Ott"), ("Tom", "Ott")),
    (("John", "Cross Sr."), ("John", "Cross Jr.")),
    (("Anna", ""), ("Ben", "Berg")),
    (("", "Stein"), ("Anna", "Berg")),
    (("Thomas", "Müller"), ("Tobias", "Müller")),
    (("Maria", "Huber"), ("Mario", "Gruber")),
    (("Anna", "Schmidt-Berg"), ("Anna", "Schmidt-Wolf")),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_person_written_in_two_ways(one, other):
    assert names_agree(one, other) is Agreement.AGREE


@pytest.mark.parametrize(("one", "other"), UNSURE)
def test_a_missing_part_proves_nothing(one, other):
    assert names_agree(one, other) is Agreement.UNKNOWN


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_two_people(one, other):
    assert names_agree(one, other) is Agreement.CONTRADICT


WORD = st.sampled_from(
    [
        "Anna",
        "Maria",
        "J.",
        "Jörg",
        "Joerg",
        "Müller",
        "Muller",
        "van",
        "de",
        "Berg",
        "Jr.",
        "Sr.",
        "Dr.",
        "Bob",
        "Robert",
        "geb.",
        "Team",
        ",",
    ]
)
PART = st.lists(WORD, max_size=4).map(" ".join) | st.text(max_size=8)
NAME = st.tuples(PART, PART)


@settings(max_examples=200)
@given(NAME, NAME)
def test_agreement_does_not_depend_on_who_is_asked_first(one, other):
    assert names_agree(one, other) is names_agree(other, one)


@settings(max_examples=200)
@given(NAME)
def test_nobody_contradicts_himself(name):
    assert names_agree(name, name) is not Agreement.CONTRADICT


@pytest.mark.parametrize(
    ("address", "mailbox"),
    [
        ("Anna.Berg+crm@firma.example", "anna.berg@firma.example"),
        ("a.n.n.a@googlemail.com", "anna@gmail.com"),
        ("anna@mailinator.com", "anna@mailinator.com"),
        ("salesman@firma.example", "salesman@firma.example"),
        ("info.meier@firma.example", "info.meier@firma.example"),
        ("de@firma.example", "de@firma.example"),
        ("contact1@firma.example", "contact1@firma.example"),
    ],
)
def test_a_personal_mailbox_links(address, mailbox):
    assert usable_mailbox(address) == mailbox


@pytest.mark.parametrize(
    "local",
    [
        "info",
        "sales",
        "Kontakt",
        "buchhaltung",
        "einkauf",
        "office",
        "info+x",
        "sales-emea",
        "info.de",
        "no-reply",
        "test",
        "unknown",
        "n/a",
        "büro",
        "ventas",
    ],
)
def test_a_shared_or_empty_mailbox_never_links(local):
    assert isinstance(usable_mailbox(f"{local}@firma.example"), Refused)


@pytest.mark.parametrize("address", ["", "n/a", "anna@example.invalid", "anna@noemail.com", "anna@@firma.example", "anna"])
def test_what_is_no_address_never_links(address):
    assert isinstance(usable_mailbox(address), Refused)
