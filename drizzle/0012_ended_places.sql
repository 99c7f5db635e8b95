CREATE INDEX `artefact_mark_end` ON `artefact` (`cap`) WHERE kind = 'mark' AND renew_at IS NOT NULL;--> statement-breakpoint
UPDATE `artefact` SET `renew_at` = `cap` WHERE `kind` = 'mark' AND `renew_at` IS NULL AND `cap` < 253402300799;
