ALTER TABLE "member" ADD "removed_keys" text COLLATE "C" DEFAULT '[]' NOT NULL;
ALTER TABLE "member" ADD "keys_followed_at" double precision;