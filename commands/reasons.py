"""Why two rows of a file are one lead, or are not: every piece of evidence with its bits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from leads.matching.engine import Matched
    from leads.matching.scoring import Weights


@dataclass(frozen=True, slots=True)
class Why:
    left_row: int
    right_row: int
    outcome: str
    score: float
    evidence: tuple[tuple[str, float], ...]

    def document(self) -> dict[str, Any]:
        evidence = [{"what": what, "bits": round(bits, 2)} for what, bits in self.evidence]
        return {"left_row": self.left_row, "right_row": self.right_row, "outcome": self.outcome, "score": self.score, "evidence": evidence}

    def lines(self) -> list[str]:
        head = f"rows {self.left_row} and {self.right_row}: {self.outcome}. {self.score:.2f} bits:"
        return [head, *(f"  {bits:+6.2f}  {what}" for what, bits in self.evidence if abs(bits) >= 0.005)]


def why(matched: Matched, weights: Weights, left_row: int, right_row: int) -> Why:
    """Rows count from 1."""
    from leads.matching.explaining import evidence_of

    left, right = left_row - 1, right_row - 1
    evidence = tuple(evidence_of(matched.evidence, left, right, weights))
    score = sum(bits for _, bits in evidence)
    return Why(left_row, right_row, _outcome(matched, weights, left, right, score), round(score, 2), evidence)


def _outcome(matched: Matched, weights: Weights, left: int, right: int, score: float) -> str:
    group, joints = matched.groups, matched.joints
    if group[left] == group[right]:
        return "one lead" if score >= weights.link else "one lead, by way of other rows or of an answer"
    ours, theirs = group[joints.left], group[joints.right]
    between = ((ours == group[left]) & (theirs == group[right])) | ((ours == group[right]) & (theirs == group[left]))
    if (between & ~joints.allowed).any():
        return "two leads, since another row of one of them speaks against it"
    if between.any() and joints.bits[between].max() >= weights.review:
        return f"two leads until a person decides, since they are joined unasked from {weights.link:.1f} bits on"
    return f"two leads, and nobody is asked, since that begins at {weights.review:.0f} bits" if score < weights.review else "two leads"
