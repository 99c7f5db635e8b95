ALTER TABLE "authority" ADD "place" text COLLATE "C";
ALTER TABLE "authority" ADD "state_reason" text COLLATE "C";
ALTER TABLE "authority" ADD "cut" double precision DEFAULT 0 NOT NULL;
CREATE UNIQUE INDEX "authority_place_unique" ON "authority" ("place");
ALTER TABLE "member" ADD "suspended_with" text COLLATE "C";
CREATE INDEX "member_suspended_with" ON "member" ("suspended_with") WHERE suspended_with IS NOT NULL;
ALTER TABLE "organization" ADD "state" text COLLATE "C" DEFAULT 'active' NOT NULL;
ALTER TABLE "organization" ADD "state_reason" text COLLATE "C";