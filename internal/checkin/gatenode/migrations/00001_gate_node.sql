-- beside: 1
-- +goose Up

-- What the box office has sent last, by name: state, list, plan; how far its scans were
-- read; and the clock.
CREATE TABLE gate_node_kept (
    name TEXT COLLATE "C" PRIMARY KEY,
    body TEXT NOT NULL -- JSON, or base64
) /*sqlite: WITHOUT ROWID*/;

-- Scans that the box office has to be told of. A row goes once it has answered.
CREATE TABLE gate_node_owed (
    device  TEXT COLLATE "C" NOT NULL,
    counter BIGINT NOT NULL,
    seq     BIGINT NOT NULL, -- of the scan here
    body    TEXT   NOT NULL, -- JSON, as it is sent
    trouble TEXT   NOT NULL, -- why the box office does not take it; '': it has not refused it
    PRIMARY KEY (device, counter)
) /*sqlite: WITHOUT ROWID*/;
CREATE INDEX gate_node_owed_by_seq ON gate_node_owed (seq);

-- +goose Down
DROP TABLE gate_node_owed;
DROP TABLE gate_node_kept;
