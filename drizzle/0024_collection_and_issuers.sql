CREATE TABLE `vouched_issuer` (
	`issuer_id` text NOT NULL,
	`n` integer NOT NULL,
	`authority_id` text NOT NULL,
	`member_id` text NOT NULL,
	`kind` text NOT NULL,
	`issuer` text NOT NULL,
	`type` text NOT NULL,
	`place` text NOT NULL,
	`deep` integer NOT NULL,
	PRIMARY KEY(`issuer_id`, `n`)
);
--> statement-breakpoint
CREATE INDEX `vouched_issuer_place` ON `vouched_issuer` (`authority_id`,`kind`,`type`,`place`);--> statement-breakpoint
CREATE INDEX `vouched_issuer_issuer` ON `vouched_issuer` (`authority_id`,`issuer`);--> statement-breakpoint
CREATE INDEX `vouched_issuer_member` ON `vouched_issuer` (`member_id`);--> statement-breakpoint
ALTER TABLE `authority` ADD `entity_collection` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `vouched_issuers` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `snapshot` ADD `ui_infos` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
CREATE INDEX `snapshot_collected` ON `snapshot` (`authority_id`,`trust_anchor`,`subject`);--> statement-breakpoint
CREATE INDEX `snapshot_evaluated` ON `snapshot` (`authority_id`,`trust_anchor`,`evaluated_at`);