CREATE TABLE `application` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`join_link_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`token_sha256` text NOT NULL,
	`state` text NOT NULL,
	`waiting_on` text,
	`requested` text NOT NULL,
	`details` text,
	`member_id` text,
	`findings` text DEFAULT '[]' NOT NULL,
	`taken_by` text,
	`taken_at` integer,
	`submitted_at` integer NOT NULL,
	`decided_at` integer,
	`readmission` integer DEFAULT false NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `application_authority` ON `application` (`authority_id`,`submitted_at`,`id`);--> statement-breakpoint
CREATE INDEX `application_entity` ON `application` (`authority_id`,`entity_id`);--> statement-breakpoint
CREATE INDEX `application_member` ON `application` (`member_id`);--> statement-breakpoint
CREATE TABLE `join_link` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`secret_sha256` text NOT NULL,
	`max_uses` integer NOT NULL,
	`used` integer DEFAULT 0 NOT NULL,
	`expires_at` integer NOT NULL,
	`note` text,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `join_link_authority` ON `join_link` (`authority_id`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `rate_limit` (
	`bucket` text PRIMARY KEY NOT NULL,
	`tat` integer NOT NULL
);
--> statement-breakpoint
CREATE INDEX `rate_limit_tat` ON `rate_limit` (`tat`);