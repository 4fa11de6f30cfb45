-- What screens and the log show of a message that carries what opens a door (a query code, a guest link): the same text
-- without it, sealed. NULL where there is nothing to hide.
ALTER TABLE messages ADD COLUMN shown_sealed TEXT;
