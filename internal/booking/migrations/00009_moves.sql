-- beside: 4
-- +goose Up

-- Of a sold booking that its organizer has moved to other seats: those that it had, as
-- ordinals. NULL: seats were cancelled, or money went back.
ALTER TABLE booking_reasons ADD COLUMN moved_from TEXT;
-- Whether the new tickets have yet to be mailed.
ALTER TABLE booking_reasons ADD COLUMN mail_due BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX booking_reasons_due ON booking_reasons (booking_id, seq) WHERE mail_due;

-- +goose Down
DROP INDEX booking_reasons_due;
ALTER TABLE booking_reasons DROP COLUMN mail_due;
ALTER TABLE booking_reasons DROP COLUMN moved_from;
