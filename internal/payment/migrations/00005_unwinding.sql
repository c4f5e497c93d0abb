-- beside: 5
-- +goose Up

-- The booking database's time when the payment was started; 0: not known.
ALTER TABLE payments ADD COLUMN started_at BIGINT NOT NULL DEFAULT 0;
-- failed or voided: where a payment ends that was given up.
ALTER TABLE payments ADD COLUMN ends_as TEXT NOT NULL DEFAULT '';

-- Payments that are being given up (taking_back, voiding, returning), for recovery.
CREATE TABLE payments_unwinding (
    id TEXT COLLATE "C" PRIMARY KEY -- payments.id
) /*sqlite: WITHOUT ROWID*/;

-- +goose Down
DROP TABLE payments_unwinding;
ALTER TABLE payments DROP COLUMN ends_as;
ALTER TABLE payments DROP COLUMN started_at;
