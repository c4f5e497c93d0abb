-- +goose Up
-- beside: 4

-- Whose address a booking was made with: a keyed hash of the normalized e-mail
-- address. A booking counts for its account and for its address.
ALTER TABLE bookings ADD COLUMN email_key BYTEA;
-- When its hold was given up before it ended; for holds only, not for what was paid.
ALTER TABLE bookings ADD COLUMN released_at BIGINT;
-- Seats that were given back while others stayed: JSON array of ordinals.
ALTER TABLE bookings ADD COLUMN given_back TEXT;

-- The seats that the owner of an address has in an event.
CREATE INDEX bookings_by_email ON bookings (email_key, event_id) WHERE email_key IS NOT NULL;

-- Buyers may pay without a verified address.
ALTER TABLE sales ADD COLUMN unverified_buyers BOOLEAN NOT NULL DEFAULT FALSE;

-- +goose Down
ALTER TABLE sales DROP COLUMN unverified_buyers;
DROP INDEX bookings_by_email;
ALTER TABLE bookings DROP COLUMN given_back;
ALTER TABLE bookings DROP COLUMN released_at;
ALTER TABLE bookings DROP COLUMN email_key;
