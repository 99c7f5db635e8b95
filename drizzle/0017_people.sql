CREATE TABLE `approval` (
	`proposal_id` text NOT NULL,
	`person_id` text NOT NULL,
	`subject_kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`decision_digest` text NOT NULL,
	`verdict` text NOT NULL,
	`note` text,
	`at` integer NOT NULL,
	PRIMARY KEY(`proposal_id`, `person_id`, `verdict`)
);
--> statement-breakpoint
CREATE TABLE `person` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`email` text,
	`state` text NOT NULL,
	`created_at` integer NOT NULL,
	`created_by` text NOT NULL,
	`updated_at` integer NOT NULL,
	`ended_at` integer,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `proposal` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`decision_digest` text NOT NULL,
	`content` text NOT NULL,
	`request` text NOT NULL,
	`state` text NOT NULL,
	`proposed_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`decided_at` integer
);
--> statement-breakpoint
CREATE INDEX `proposal_subject` ON `proposal` (`subject_id`,`state`);--> statement-breakpoint
CREATE INDEX `proposal_state` ON `proposal` (`state`,`created_at`,`id`);--> statement-breakpoint
CREATE TABLE `role_grant` (
	`id` text PRIMARY KEY NOT NULL,
	`person_id` text NOT NULL,
	`role` text NOT NULL,
	`authority_id` text,
	`granted_by` text NOT NULL,
	`second_by` text,
	`granted_at` integer NOT NULL,
	`expires_at` integer,
	`ended_at` integer
);
--> statement-breakpoint
CREATE INDEX `role_grant_person` ON `role_grant` (`person_id`);--> statement-breakpoint
ALTER TABLE `api_key` ADD `person_id` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `quorum` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `submitted_by` text;--> statement-breakpoint
ALTER TABLE `member` ADD `last_editor` text;