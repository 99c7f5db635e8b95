ALTER TABLE "authority" ADD "agents_of" text COLLATE "C";
ALTER TABLE "authority" ADD "agents_as" text COLLATE "C";
ALTER TABLE "authority" ADD "agents_by" text COLLATE "C";
ALTER TABLE "authority" ADD "agents_living" double precision;
ALTER TABLE "authority" ADD "agents_per_day" double precision;
ALTER TABLE "authority" ADD "agents_life_s" double precision;