CREATE TABLE `accreditation` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`organization_id` text,
	`member_id` text,
	`kind` text NOT NULL,
	`issuer` text NOT NULL,
	`reference` text,
	`valid_from` integer NOT NULL,
	`valid_until` integer,
	`state` text NOT NULL,
	`lineage` text NOT NULL,
	`supersedes` text,
	`added_by` text NOT NULL,
	`verified_by` text,
	`verified_at` integer,
	`withdrawn_reason` text,
	`told_days` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `accreditation_member` ON `accreditation` (`authority_id`,`member_id`);--> statement-breakpoint
CREATE INDEX `accreditation_organization` ON `accreditation` (`authority_id`,`organization_id`);--> statement-breakpoint
CREATE INDEX `accreditation_lineage` ON `accreditation` (`authority_id`,`lineage`);--> statement-breakpoint
CREATE INDEX `accreditation_end` ON `accreditation` (`valid_until`) WHERE state = 'in_force' AND valid_until IS NOT NULL;--> statement-breakpoint
CREATE TABLE `evidence` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`subject_kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`sha256` text NOT NULL,
	`media_type` text NOT NULL,
	`bytes` integer,
	`place` text NOT NULL,
	`uri` text,
	`name` text,
	`classification` text NOT NULL,
	`uploaded_by` text NOT NULL,
	`reviewed_by` text,
	`reviewed_at` integer,
	`retain_until` integer NOT NULL,
	`purged_at` integer,
	`created_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `evidence_once` ON `evidence` (`authority_id`,`subject_kind`,`subject_id`,`sha256`);--> statement-breakpoint
CREATE INDEX `evidence_sha256` ON `evidence` (`sha256`);--> statement-breakpoint
CREATE INDEX `evidence_retained` ON `evidence` (`retain_until`) WHERE purged_at IS NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `admission` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `accredited_until` integer;--> statement-breakpoint
ALTER TABLE `member` ADD `sponsor` text;--> statement-breakpoint
ALTER TABLE `member` ADD `reattest_by` integer;--> statement-breakpoint
ALTER TABLE `member` ADD `reattest_told` integer;--> statement-breakpoint
CREATE INDEX `member_accredited` ON `member` (`accredited_until`) WHERE accredited_until IS NOT NULL;--> statement-breakpoint
CREATE INDEX `member_reattest` ON `member` (`reattest_by`) WHERE reattest_by IS NOT NULL;--> statement-breakpoint
ALTER TABLE `trust_mark_grant` ADD `accreditation_id` text;--> statement-breakpoint
CREATE INDEX `trust_mark_grant_accreditation` ON `trust_mark_grant` (`accreditation_id`) WHERE accreditation_id IS NOT NULL;