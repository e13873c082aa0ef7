"""What has to be proved for which purpose and channel: rules, of which the most specific one decides."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Final

from leads.consent.event import ANY, CHANNELS, SCOPES, Kind, Scope
from leads.consent.grade import Grade
from leads.consent.times import Duration, duration

PROFILES: Final = ("de-strict",)
MODES: Final = ("opt_in", "opt_out")
WEEK: Final = Duration(seconds=7 * 86_400)
KEYS: Final = ("channel", "purpose", "audience", "jurisdiction", "mode", "min_evidence", "regrant_evidence", "max_age", "doi_ttl")
OF_KEEPING: Final = ("unconfirmed_delete_after", "evidence_retention")  # they say how long something is kept, and bear on no answer
PARTS: Final = ("name", "controller", "clock", "rule", "scope", "projection", "suppression", "retention")
SCOPED: Final = {"withdraw": Kind.WITHDRAW, "deny": Kind.DENY, "object": Kind.OBJECT, "complaint": Kind.COMPLAINT, "erase": Kind.ERASE}


@dataclass(frozen=True, slots=True)
class Rule:
    channel: str = ANY
    purpose: str = ANY
    audience: str = ANY
    jurisdiction: str = ANY
    mode: str = "opt_in"
    min_evidence: Grade = Grade.E3
    regrant_evidence: Grade = Grade.E3
    max_age: Duration | None = None
    doi_ttl: Duration | None = WEEK

    def applies(self, purpose: str, channel: str, audience: str | None) -> bool:
        if self.channel not in (ANY, channel) or self.audience not in (ANY, audience or self.audience):
            return False
        return self.purpose == ANY or is_within(purpose, self.purpose)

    def specificity(self, audience: str | None) -> tuple[int, int, int, int]:
        """A rule for a jurisdiction is more specific than one for a channel, and that one more than one for a purpose."""
        depth = 0 if self.purpose == ANY else 1 + self.purpose.count(".")
        named = int(audience is not None and self.audience != ANY)
        return int(self.jurisdiction != ANY), int(self.channel != ANY), depth, named

    def strictness(self) -> tuple[int, int, int, float]:
        age = float("-inf") if self.max_age is None else -self.max_age.after(0)
        return int(self.mode == "opt_in"), int(self.min_evidence), int(self.regrant_evidence), age


# What no marketing opt-out stops, and what is allowed until somebody objects.
USUAL: Final = (Rule(), Rule(purpose="service", mode="opt_out"), Rule(purpose="profiling", mode="opt_out"))


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules, how far each clock may be wrong, in seconds, and for what a no holds that does not say it."""

    rules: tuple[Rule, ...] = ()
    default_skew: float = 300.0
    skew: Mapping[str, float] = field(default_factory=dict)
    scopes: Mapping[Kind, Scope] = field(default_factory=lambda: SCOPES)

    def rule(self, purpose: str, channel: str, audience: str | None = None) -> Rule:
        """The most specific rule; among equally specific ones the strictest."""
        given = [rule for rule in self.rules if rule.applies(purpose, channel, audience)]
        usual = [rule for rule in USUAL if rule.applies(purpose, channel, audience)]
        return max(given or usual, key=lambda rule: (rule.specificity(audience), rule.strictness()))

    def skew_of(self, clocks: frozenset[str]) -> float:
        return max((self.skew.get(clock, self.default_skew) for clock in clocks), default=self.default_skew)


def is_within(purpose: str, ancestor: str) -> bool:
    return purpose == ancestor or purpose.startswith(f"{ancestor}.")


@cache
def profile(name: str) -> Policy:
    """A profile that ships; raises KeyError for another name."""
    if name not in PROFILES:
        raise KeyError(name)
    found, mistakes = parse(tomllib.loads(files(__package__).joinpath("profiles", f"{name}.toml").read_text(encoding="utf-8")))
    assert not mistakes, mistakes  # noqa: S101  # a profile that ships has none
    return found


def parse(document: Any) -> tuple[Policy, list[str]]:
    """A policy from its TOML or JSON form, with everything that is wrong with it; what is wrong is left out."""
    mistakes: list[str] = []
    if not isinstance(document, Mapping):
        return Policy(), ["policy: expected a table"]
    mistakes += [f"policy.{key}: is no key of a policy" for key in document if key not in PARTS]
    default, skew = _clock(document.get("clock", {}), mistakes)
    rules = document.get("rule", [])
    if not isinstance(rules, list):
        mistakes.append("policy.rule: expected a list of rules")
        rules = []
    here = _jurisdiction(document.get("controller", {}), mistakes)
    holding = tuple(rule for rule in _rules(rules, here, mistakes) if rule.jurisdiction in (ANY, here))
    return Policy(holding, default, skew, _scopes(document.get("scope", {}), mistakes)), mistakes


def _jurisdiction(controller: Any, mistakes: list[str]) -> str:
    """Where the controller is, if that is said; a rule for another jurisdiction is none for it."""
    if isinstance(controller, Mapping):
        return str(controller.get("jurisdiction", ANY))
    mistakes.append("policy.controller: expected a table")
    return ANY


def _scopes(scope: Any, mistakes: list[str]) -> Mapping[Kind, Scope]:
    if not isinstance(scope, Mapping):
        mistakes.append("policy.scope: expected a table")
        return SCOPES
    found = dict(SCOPES)
    for name, text in sorted(scope.items(), key=lambda item: item[1] == "object"):
        if name == "complaint" and text == "object":
            found[Kind.COMPLAINT] = found[Kind.OBJECT]
        elif name not in SCOPED:
            mistakes.append(f"policy.scope.{name}: expected one of {', '.join(SCOPED)}")
        elif text not in [*Scope]:
            mistakes.append(f"policy.scope.{name}: expected {' or '.join(Scope)}")
        else:
            found[SCOPED[name]] = Scope(text)
    return found


def _clock(clock: Any, mistakes: list[str]) -> tuple[float, dict[str, float]]:
    if not isinstance(clock, Mapping):
        mistakes.append("policy.clock: expected a table")
        return 300.0, {}
    skews = clock.get("skew", {})
    if not isinstance(skews, Mapping):
        mistakes.append("policy.clock.skew: expected a table")
        skews = {}
    default = _seconds(clock.get("default_skew", "5m"), "policy.clock.default_skew", mistakes)
    return default, {str(name): _seconds(text, f"policy.clock.skew.{name}", mistakes) for name, text in skews.items()}


def _seconds(text: Any, where: str, mistakes: list[str]) -> float:
    found = _duration(text, where, mistakes)
    return 0.0 if found is None else found.after(0)


def _duration(text: Any, where: str, mistakes: list[str]) -> Duration | None:
    try:
        return duration(text) if isinstance(text, str) else duration("?")
    except ValueError as error:
        mistakes.append(f"{where}: {error}")
        return None


def _rules(rules: list[Any], here: str, mistakes: list[str]) -> Iterator[Rule]:
    for number, row in enumerate(rules, 1):
        where = f"policy.rule {number}"
        if not isinstance(row, Mapping):
            mistakes.append(f"{where}: expected a table")
            continue
        mistakes += [f"{where}.{key}: is no key of a rule; known are {', '.join(KEYS)}" for key in row if key not in (*KEYS, *OF_KEEPING)]
        if here == ANY and row.get("jurisdiction", ANY) != ANY:
            mistakes.append(f"{where}.jurisdiction: needs policy.controller.jurisdiction beside it, which says where you are")
        channel, mode = row.get("channel", ANY), row.get("mode", "opt_in")
        if channel not in (ANY, *CHANNELS):
            mistakes.append(f"{where}.channel: expected one of {', '.join((ANY, *CHANNELS))}")
        if mode not in MODES:
            mistakes.append(f"{where}.mode: expected opt_in or opt_out")
        yield Rule(
            str(channel),
            str(row.get("purpose", ANY)),
            str(row.get("audience", ANY)),
            str(row.get("jurisdiction", ANY)),
            str(mode),
            _grade(row.get("min_evidence", "E3"), f"{where}.min_evidence", mistakes),
            _grade(row.get("regrant_evidence", "E3"), f"{where}.regrant_evidence", mistakes),
            _duration(row.get("max_age", "0"), f"{where}.max_age", mistakes),
            _duration(row.get("doi_ttl", "7d"), f"{where}.doi_ttl", mistakes),
        )


def _grade(text: Any, where: str, mistakes: list[str]) -> Grade:
    if isinstance(text, str) and text in Grade.__members__:
        return Grade[text]
    mistakes.append(f"{where}: expected E0, E1, E2 or E3")
    return Grade.E3
