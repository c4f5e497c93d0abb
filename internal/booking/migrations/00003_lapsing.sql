-- beside: 3
-- +goose Up

-- When holds lapse: one row for each batch, event and end that the batch has
-- given to holds. Which bookings they are, the ledger knows: those of the entries
-- from first_seq to last_seq whose until is expires_at. A row goes when none of
-- them is pending until then any more.
--
-- A table of its own and not a partial index: an index whose condition reads the
-- status makes each confirmation a new entry in all indexes of bookings
-- (PostgreSQL: no heap-only tuples).
CREATE TABLE lapsing (
    expires_at BIGINT NOT NULL, -- µs since 1970
    event_id   TEXT COLLATE "C" NOT NULL,
    first_seq  BIGINT NOT NULL,
    last_seq   BIGINT NOT NULL,
    PRIMARY KEY (expires_at, event_id, first_seq)
) /*sqlite: WITHOUT ROWID*/;

-- The last entry of a pending booking is the one that tells its end.
INSERT INTO lapsing (expires_at, event_id, first_seq, last_seq)
    SELECT expires_at, event_id, seq, seq FROM bookings WHERE status = 'pending' AND expires_at IS NOT NULL;

DROP INDEX bookings_lapsing;

-- Room for the confirmation on the page of the hold, so that it touches no index.
/*postgres: ALTER TABLE bookings SET (fillfactor = 45);*/
/*postgres: ALTER TABLE claims SET (fillfactor = 50);*/

-- +goose Down
/*postgres: ALTER TABLE claims SET (fillfactor = 60);*/
/*postgres: ALTER TABLE bookings SET (fillfactor = 60);*/
CREATE INDEX bookings_lapsing ON bookings (expires_at) WHERE status = 'pending';
DROP TABLE lapsing;
