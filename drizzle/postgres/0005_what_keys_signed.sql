ALTER TABLE "authority" ADD "configuration_exp" double precision;
ALTER TABLE "authority_key" ADD "signed_until" double precision;
ALTER TABLE "authority_key" ADD "unseen_until" double precision;