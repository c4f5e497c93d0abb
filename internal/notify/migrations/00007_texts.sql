-- beside: 3
-- +goose Up

-- A notice may be told by text message as well: in a row of its own, whose recipient is
-- a number.
ALTER TABLE notices ADD COLUMN channel TEXT NOT NULL DEFAULT ''; -- sms; '': an email
CREATE INDEX notices_texts ON notices (recipient, done_at) WHERE channel = 'sms';

-- +goose Down
DROP INDEX notices_texts;
ALTER TABLE notices DROP COLUMN channel;
