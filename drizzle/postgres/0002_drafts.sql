ALTER TABLE "authority" ADD "statements_changed_at" double precision DEFAULT 0 NOT NULL;
ALTER TABLE "authority" ADD "ec_location" text COLLATE "C" DEFAULT 'needed' NOT NULL;
ALTER TABLE "member" ADD "ec_location" text COLLATE "C";
ALTER TABLE "member" ADD "domain_control" text COLLATE "C";
CREATE INDEX "member_updated" ON "member" ("authority_id","state","updated_at","entity_id");