-- beside: 4
-- +goose NO TRANSACTION
-- +goose Up

-- Keys that begin with the event, in one collation, so that all that a purchase
-- reads and writes can be found by its event. They take the place of the primary
-- keys of bookings (id) and of lapsing (expires_at, event_id, first_seq), which
-- programs that know only migration 4 still need: the next version drops those.
--
-- On PostgreSQL reads and writes go on meanwhile (SHARE UPDATE EXCLUSIVE). A
-- build that was broken off leaves an invalid index, hence the DROP. The column
-- event_id of bookings keeps its collation for now: to change it would end the
-- prepared statements of nodes of the version before.
DROP INDEX IF EXISTS bookings_by_event;
CREATE UNIQUE INDEX /*postgres: CONCURRENTLY*/ bookings_by_event ON bookings (event_id COLLATE "C", id);

DROP INDEX IF EXISTS lapsing_by_event;
CREATE UNIQUE INDEX /*postgres: CONCURRENTLY*/ lapsing_by_event ON lapsing (event_id, expires_at, first_seq);

-- +goose Down
DROP INDEX lapsing_by_event;
DROP INDEX bookings_by_event;
