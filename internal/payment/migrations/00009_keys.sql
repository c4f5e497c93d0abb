-- beside: 7
-- +goose NO TRANSACTION
-- +goose Up

-- Keys that begin with the event, in one collation: see the booking service's
-- migration 5, which says how and why. They take the place of the primary keys of
-- payments and refunds (id) and of payments_by_key (key_hash), which programs that
-- know only migration 7 still need: the next version drops those.
DROP INDEX IF EXISTS payments_by_event;
CREATE UNIQUE INDEX /*postgres: CONCURRENTLY*/ payments_by_event ON payments (event_id COLLATE "C", id);

DROP INDEX IF EXISTS payments_by_event_key;
CREATE UNIQUE INDEX /*postgres: CONCURRENTLY*/ payments_by_event_key ON payments (event_id COLLATE "C", key_hash) WHERE key_hash IS NOT NULL;

DROP INDEX IF EXISTS refunds_by_event;
CREATE UNIQUE INDEX /*postgres: CONCURRENTLY*/ refunds_by_event ON refunds (event_id COLLATE "C", seq);

-- +goose Down
DROP INDEX refunds_by_event;
DROP INDEX payments_by_event_key;
DROP INDEX payments_by_event;
