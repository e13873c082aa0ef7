"""Consent as a ledger of acts: what a person said, how well it is proved, and what follows from it for an address, purpose and channel.

Merging two ledgers is a union of sets; a status is never stored, it is computed from the events by one pure function.
"""
