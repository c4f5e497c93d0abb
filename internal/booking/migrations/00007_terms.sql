-- beside: 4
-- +goose Up

-- What is kept of cancelled seats, as JSON: see bookingapi.CancelTerms; '': nothing.
ALTER TABLE sales ADD COLUMN terms TEXT NOT NULL DEFAULT '';
-- Minor units: what was paid and has not been given back. NULL: amount while booked, else nothing.
ALTER TABLE bookings ADD COLUMN paid_left BIGINT;

-- Why an organizer has cancelled seats or given money back, for the buyer.
CREATE TABLE booking_reasons (
    event_id   TEXT COLLATE "C" NOT NULL,
    seq        BIGINT NOT NULL, -- of the ledger's entry
    booking_id TEXT COLLATE "C" NOT NULL,
    at         BIGINT NOT NULL, -- µs since 1970
    amount     BIGINT NOT NULL, -- minor units that go back
    seats      BIGINT NOT NULL, -- how many were cancelled; 0: they stayed
    reason     TEXT   NOT NULL,
    by_id      TEXT   NOT NULL, -- the organizer's account, or an admin's
    PRIMARY KEY (event_id, seq)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX booking_reasons_of ON booking_reasons (booking_id, seq);

-- +goose Down
DROP TABLE booking_reasons;
ALTER TABLE bookings DROP COLUMN paid_left;
ALTER TABLE sales DROP COLUMN terms;
