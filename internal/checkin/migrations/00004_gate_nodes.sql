-- beside: 1
-- +goose Up

-- Gate nodes are devices that take the scans of others: kind 'node'. '': a device that scans.
ALTER TABLE door_pairings ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE door_devices ADD COLUMN kind TEXT NOT NULL DEFAULT '';

-- What a gate node has decided while its line to the box office was down.
ALTER TABLE door_scans ADD COLUMN gate_reason TEXT NOT NULL DEFAULT '';

-- +goose Down
ALTER TABLE door_scans DROP COLUMN gate_reason;
ALTER TABLE door_devices DROP COLUMN kind;
ALTER TABLE door_pairings DROP COLUMN kind;
