ALTER TABLE "authority" ADD "entity_collection" double precision DEFAULT 0 NOT NULL;
ALTER TABLE "snapshot" ADD "ui_infos" text COLLATE "C" DEFAULT '{}' NOT NULL;
CREATE INDEX "snapshot_collected" ON "snapshot" ("authority_id","trust_anchor","subject");
CREATE INDEX "snapshot_evaluated" ON "snapshot" ("authority_id","trust_anchor","evaluated_at");