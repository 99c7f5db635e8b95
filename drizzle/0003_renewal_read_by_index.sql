DROP INDEX `artefact_renew`;--> statement-breakpoint
CREATE INDEX `artefact_exp` ON `artefact` (`exp`) WHERE renew_at IS NOT NULL;--> statement-breakpoint
CREATE INDEX `artefact_renew` ON `artefact` (`renew_at`,`exp`);