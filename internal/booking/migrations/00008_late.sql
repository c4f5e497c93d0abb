-- beside: 4
-- +goose Up

-- Of a booking that was paid after its hold had ended: the seats that it had held, if
-- others were booked instead; '' if the same were still free. NULL: it was paid in time.
ALTER TABLE bookings ADD COLUMN late TEXT;

-- +goose Down
ALTER TABLE bookings DROP COLUMN late;
