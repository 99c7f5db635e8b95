CREATE TABLE `import_entity` (
	`job_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`spelling` text DEFAULT '' NOT NULL,
	PRIMARY KEY(`job_id`, `entity_id`)
);
--> statement-breakpoint
CREATE INDEX `import_entity_spelling` ON `import_entity` (`job_id`,`spelling`);--> statement-breakpoint
CREATE TABLE `member_key` (
	`thumbprint` text NOT NULL,
	`member_id` text NOT NULL,
	`authority_id` text NOT NULL,
	PRIMARY KEY(`thumbprint`, `member_id`)
);
--> statement-breakpoint
CREATE INDEX `member_key_member` ON `member_key` (`member_id`);--> statement-breakpoint
ALTER TABLE `member` ADD `spelling` text;--> statement-breakpoint
ALTER TABLE `member` ADD `approved_sha256` text;--> statement-breakpoint
CREATE INDEX `member_spelling` ON `member` (`spelling`);--> statement-breakpoint
INSERT INTO setting (name, value) SELECT 'members_indexed_to', '' WHERE EXISTS (SELECT 1 FROM member);
