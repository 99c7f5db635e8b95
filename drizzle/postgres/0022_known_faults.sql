CREATE INDEX "key_standing_thumbprint" ON "key_standing" ("thumbprint");
INSERT INTO "setting" ("name", "value") SELECT 'members_certified_to', '' WHERE EXISTS (SELECT 1 FROM "member" WHERE instr("jwks", '"x5c"') > 0) ON CONFLICT ("name") DO UPDATE SET "value" = '';
