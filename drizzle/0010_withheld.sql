ALTER TABLE `artefact` ADD `withheld` text;--> statement-breakpoint
CREATE INDEX `artefact_withheld` ON `artefact` (`renew_at`,`exp`) WHERE withheld IS NOT NULL;--> statement-breakpoint
UPDATE `artefact` SET `withheld` = 'earlier_version', `exp` = `iat`, `renew_at` = CASE `kind` WHEN 'resolve' THEN NULL ELSE `renew_at` END WHERE `exp` = 0;--> statement-breakpoint
UPDATE `artefact` SET `renew_at` = CAST(strftime('%s', 'now') AS INTEGER) WHERE `renew_at` = 0;
