ALTER TABLE "authority" ADD "serves_from" double precision DEFAULT 0 NOT NULL;
ALTER TABLE "authority" ADD "keys_from" double precision DEFAULT 0 NOT NULL;
ALTER TABLE "authority" ADD "rests_void" double precision DEFAULT 0 NOT NULL;