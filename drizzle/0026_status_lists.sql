CREATE TABLE `status_entry` (
	`authority_id` text NOT NULL,
	`list` integer NOT NULL,
	`idx` integer NOT NULL,
	`kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`member_id` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer,
	`revoked_at` integer,
	PRIMARY KEY(`authority_id`, `list`, `idx`)
);
--> statement-breakpoint
CREATE UNIQUE INDEX `status_entry_subject` ON `status_entry` (`authority_id`,`kind`,`subject_id`);--> statement-breakpoint
CREATE INDEX `status_entry_member` ON `status_entry` (`member_id`);--> statement-breakpoint
CREATE INDEX `status_entry_expires` ON `status_entry` (`expires_at`) WHERE expires_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `status_entry_key` (
	`thumbprint` text NOT NULL,
	`authority_id` text NOT NULL,
	`list` integer NOT NULL,
	`idx` integer NOT NULL,
	PRIMARY KEY(`thumbprint`, `authority_id`, `list`, `idx`)
);
--> statement-breakpoint
CREATE INDEX `status_entry_key_of` ON `status_entry_key` (`authority_id`,`list`,`idx`);--> statement-breakpoint
ALTER TABLE `member` ADD `status_list` integer;--> statement-breakpoint
ALTER TABLE `member` ADD `status_idx` integer;--> statement-breakpoint
CREATE INDEX `member_unplaced` ON `member` (`id`) WHERE status_idx IS NULL AND state = 'active';