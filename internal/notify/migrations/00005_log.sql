-- +goose Up
-- beside: 1
-- The log of an order.
CREATE INDEX notices_by_booking ON notices (booking_id, created_at) WHERE booking_id <> '';
-- Addresses that nobody has.
CREATE INDEX notices_bounced ON notices (recipient) WHERE state = 'bounced';

-- +goose Down
DROP INDEX notices_bounced;
DROP INDEX notices_by_booking;
