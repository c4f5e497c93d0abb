-- beside: 7
-- +goose Up

-- Refunds that have failed, by booking.
CREATE INDEX refunds_failed ON refunds (event_id /*postgres: COLLATE "C"*/, booking_id) WHERE status = 'failed';

-- +goose Down
DROP INDEX refunds_failed;
