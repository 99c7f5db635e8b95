ALTER TABLE "artefact" ADD "withheld" text COLLATE "C";
CREATE INDEX "artefact_withheld" ON "artefact" ("renew_at","exp") WHERE withheld IS NOT NULL;