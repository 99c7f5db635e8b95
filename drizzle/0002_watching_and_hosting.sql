CREATE TABLE `member_watch` (
	`member_id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`checked_at` integer NOT NULL,
	`ok_at` integer,
	`failures` integer NOT NULL,
	`metadata` text,
	`configuration_iat` integer,
	`configuration_exp` integer,
	`raised` text NOT NULL,
	`counting` text NOT NULL,
	`hold` text,
	`dismissed` text
);
--> statement-breakpoint
CREATE INDEX `member_watch_authority` ON `member_watch` (`authority_id`,`entity_id`);--> statement-breakpoint
ALTER TABLE `member` ADD `hosted` integer DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX `artefact_key` ON `artefact` (`kind`,`key`);