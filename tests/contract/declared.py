"""What a CRM may or may not declare; tests about it are skipped where it does not."""

from __future__ import annotations

from tests.contract.rigs import Need

batches = Need("several writes per call", lambda _, can: can.write_batch > 1)
upsert = Need("upsert by key", lambda _, can: can.upsert_by_key)
unique_email = Need("unique e-mail addresses", lambda _, can: can.unique_email)
required_email = Need("a required e-mail address", lambda _, can: can.email_required)
ending_feed = Need("endings among the changes", lambda _, can: can.tombstones == "feed")
ending_sweep = Need("endings by sweep", lambda _, can: can.tombstones == "sweep")
merge_notices = Need("merges told", lambda _, can: can.merge_notices)
no_merge_notices = Need("merges that look like disappearances", lambda _, can: not can.merge_notices)
merges = Need("merges from outside", lambda _, can: can.merges)
no_merges = Need("merges in the CRM's own pages only", lambda _, can: not can.merges)
history = Need("a history of fields", lambda _, can: can.history)
tracking = Need("a history that is kept of chosen fields", lambda dialect, can: can.history and len(dialect.keeps_history) > 0)
no_history = Need("fields without a history", lambda _, can: not can.history)
lagging_search = Need("a search that lags", lambda dialect, can: can.search_lag_s > 0 and len(dialect.drowsy) > 0)
conversion = Need("conversion", lambda dialect, _: dialect.converts_to is not None)
token_pages = Need("walks by the vendor's page token", lambda dialect, _: dialect.token_pages)
window = Need("a ceiling of results", lambda dialect, _: dialect.window is not None)
read_only = Need("a field that is read-only", lambda dialect, _: dialect.read_only is not None)
renewal = Need("tokens that are renewed", lambda dialect, _: len(dialect.renewed_by) > 0)
rate = Need("a rate limit", lambda dialect, _: dialect.paced)
limited_text = Need("a limit on texts", lambda dialect, _: dialect.limits_texts)
sweep_by_id = Need("a sweep by known ids", lambda dialect, can: can.tombstones == "sweep" and dialect.hides == "hide")
owners = Need("an owner field", lambda dialect, _: "owner" in dialect.names)
option_ids = Need("options with ids of their own", lambda dialect, _: dialect.options_have_ids)
narrow_consent = Need("consent to less than all marketing", lambda dialect, _: dialect.narrow is not None)
consent_batches = Need("many noes in one call", lambda dialect, _: dialect.narrow is not None and dialect.narrow.batches is not None)
consent_calls = Need("consent written by a request of its own", lambda dialect, _: dialect.wide_refused_at != "")
consent_by_address = Need("noes that stay with an address", lambda _, can: can.consent_by_address)
