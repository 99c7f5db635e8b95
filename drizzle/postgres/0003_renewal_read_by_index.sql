DROP INDEX "artefact_renew";
CREATE INDEX "artefact_exp" ON "artefact" ("exp") WHERE renew_at IS NOT NULL;
CREATE INDEX "artefact_renew" ON "artefact" ("renew_at","exp");