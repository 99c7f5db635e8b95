CREATE TABLE `anchor_pin` (
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`jwks` text,
	`note` text,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`checked_at` integer,
	`problem` text,
	PRIMARY KEY(`authority_id`, `entity_id`)
);
--> statement-breakpoint
CREATE TABLE `crawl_entity` (
	`id` integer PRIMARY KEY NOT NULL,
	`job_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`superior` text,
	`depth` integer NOT NULL,
	`state` text NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `crawl_entity_once` ON `crawl_entity` (`job_id`,`entity_id`);--> statement-breakpoint
CREATE INDEX `crawl_entity_state` ON `crawl_entity` (`job_id`,`state`,`id`);--> statement-breakpoint
CREATE INDEX `crawl_entity_id` ON `crawl_entity` (`entity_id`);--> statement-breakpoint
CREATE TABLE `known_entity` (
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`source` text NOT NULL,
	`entity_types` text NOT NULL,
	`about` text NOT NULL,
	`superiors` text NOT NULL,
	`due_at` integer NOT NULL,
	`lease_until` integer DEFAULT 0 NOT NULL,
	`attempts` integer DEFAULT 0 NOT NULL,
	`evaluated_at` integer,
	PRIMARY KEY(`authority_id`, `entity_id`)
);
--> statement-breakpoint
CREATE INDEX `known_entity_due` ON `known_entity` (`due_at`);--> statement-breakpoint
CREATE INDEX `known_entity_id` ON `known_entity` (`entity_id`);--> statement-breakpoint
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
CREATE TABLE `own_trust_mark` (
	`authority_id` text NOT NULL,
	`trust_mark_type` text NOT NULL,
	`iss` text NOT NULL,
	`bytes` text NOT NULL,
	`exp` integer,
	`checked_at` integer NOT NULL,
	`problem` text,
	PRIMARY KEY(`authority_id`, `trust_mark_type`, `iss`)
);
--> statement-breakpoint
CREATE TABLE `snapshot` (
	`authority_id` text NOT NULL,
	`subject` text NOT NULL,
	`trust_anchor` text NOT NULL,
	`state` text NOT NULL,
	`error` text,
	`entity_types` text NOT NULL,
	`path` text NOT NULL,
	`trust_mark_types` text NOT NULL,
	`findings` text NOT NULL,
	`exp` integer,
	`evaluated_at` integer NOT NULL,
	PRIMARY KEY(`authority_id`, `subject`, `trust_anchor`)
);
--> statement-breakpoint
CREATE TABLE `snapshot_link` (
	`authority_id` text NOT NULL,
	`subject` text NOT NULL,
	`trust_anchor` text NOT NULL,
	`issuer_id` text NOT NULL,
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`variant` text DEFAULT '' NOT NULL,
	`cut` integer NOT NULL,
	PRIMARY KEY(`authority_id`, `subject`, `trust_anchor`, `issuer_id`, `kind`, `key`)
);
--> statement-breakpoint
CREATE INDEX `snapshot_link_on` ON `snapshot_link` (`issuer_id`,`kind`,`key`);--> statement-breakpoint
CREATE TABLE `trust_mark` (
	`jti` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`grant_id` text NOT NULL,
	`trust_mark_type` text NOT NULL,
	`member_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` text NOT NULL,
	`iat` integer NOT NULL,
	`exp` integer NOT NULL,
	`revoked_at` integer,
	`reason` text,
	`status_due` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `trust_mark_bytes` ON `trust_mark` (`authority_id`,`sha256`);--> statement-breakpoint
CREATE INDEX `trust_mark_member` ON `trust_mark` (`member_id`);--> statement-breakpoint
CREATE INDEX `trust_mark_of_grant` ON `trust_mark` (`grant_id`);--> statement-breakpoint
CREATE INDEX `trust_mark_of_type` ON `trust_mark` (`authority_id`,`trust_mark_type`);--> statement-breakpoint
CREATE INDEX `trust_mark_due` ON `trust_mark` (`status_due`);--> statement-breakpoint
CREATE INDEX `trust_mark_exp` ON `trust_mark` (`exp`);--> statement-breakpoint
CREATE TABLE `trust_mark_delegation` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`trust_mark_type` text NOT NULL,
	`sub` text NOT NULL,
	`bytes` text NOT NULL,
	`iat` integer NOT NULL,
	`exp` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `trust_mark_grant` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`trust_mark_type` text NOT NULL,
	`member_id` text NOT NULL,
	`member_authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`state` text NOT NULL,
	`reason` text,
	`valid_until` integer,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `trust_mark_grant_place` ON `trust_mark_grant` (`authority_id`,`trust_mark_type`,`member_id`);--> statement-breakpoint
CREATE INDEX `trust_mark_grant_member` ON `trust_mark_grant` (`member_id`);--> statement-breakpoint
CREATE INDEX `trust_mark_grant_entity` ON `trust_mark_grant` (`authority_id`,`entity_id`);--> statement-breakpoint
CREATE TABLE `trust_mark_type` (
	`authority_id` text NOT NULL,
	`trust_mark_type` text NOT NULL,
	`state` text NOT NULL,
	`logo_uri` text,
	`ref` text,
	`lifetime_s` integer NOT NULL,
	`delegation` text,
	`delegation_exp` integer,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL,
	PRIMARY KEY(`authority_id`, `trust_mark_type`)
);
--> statement-breakpoint
CREATE TABLE `wanted_subject` (
	`authority_id` text NOT NULL,
	`subject` text NOT NULL,
	`asked_by` text NOT NULL,
	`asked_at` integer NOT NULL,
	PRIMARY KEY(`authority_id`, `subject`)
);
--> statement-breakpoint
CREATE INDEX `wanted_subject_asker` ON `wanted_subject` (`asked_by`);--> statement-breakpoint
ALTER TABLE `member` ADD `hosted` integer DEFAULT false NOT NULL;