CREATE INDEX "known_entity_wished" ON "known_entity" ("evaluated_at") WHERE source = 'wish';
CREATE INDEX "snapshot_unproven" ON "snapshot" ("evaluated_at") WHERE state <> 'valid';