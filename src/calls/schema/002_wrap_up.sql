-- What after-call work said of the call 话后小结. The note may name the caller, so it lies sealed under his number's key,
-- or under the call's own where the number is withheld.
ALTER TABLE calls ADD COLUMN wrap_code TEXT;
ALTER TABLE calls ADD COLUMN wrap_name TEXT;
ALTER TABLE calls ADD COLUMN wrap_note_sealed TEXT;
CREATE INDEX calls_outcome ON calls (outcome, started_at);
