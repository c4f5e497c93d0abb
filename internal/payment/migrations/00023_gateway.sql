-- beside: 7
-- +goose Up

-- What a payment was begun with, so that it ends there whatever the settings say by then.
-- Rows of older programs do not say it.
ALTER TABLE payments ADD COLUMN gateway TEXT NOT NULL DEFAULT ''; -- as --payments names it; '': not known
ALTER TABLE payments ADD COLUMN account TEXT NOT NULL DEFAULT ''; -- of the organizer at the gateway; '': the money stays with this ticket office
ALTER TABLE payments ADD COLUMN test BOOLEAN NOT NULL DEFAULT FALSE; -- no money moves

-- What the journal says that the gateway has passed on to the organizer's account. Older
-- programs leave it as it is, and post nothing of it.
ALTER TABLE payments ADD COLUMN transferred BIGINT NOT NULL DEFAULT 0; -- minor units

-- +goose Down
ALTER TABLE payments DROP COLUMN transferred;
ALTER TABLE payments DROP COLUMN test;
ALTER TABLE payments DROP COLUMN account;
ALTER TABLE payments DROP COLUMN gateway;
