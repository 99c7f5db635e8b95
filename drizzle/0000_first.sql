CREATE TABLE `api_key` (
	`id` text PRIMARY KEY NOT NULL,
	`name` text NOT NULL,
	`prefix` text NOT NULL,
	`sha256` text NOT NULL,
	`role` text NOT NULL,
	`authorities` text,
	`created_at` integer NOT NULL,
	`created_by` text NOT NULL,
	`expires_at` integer,
	`revoked_at` integer,
	`last_used_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `api_key_sha256_unique` ON `api_key` (`sha256`);--> statement-breakpoint
CREATE TABLE `artefact` (
	`id` integer PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`kind` text NOT NULL,
	`key` text NOT NULL,
	`variant` text DEFAULT '' NOT NULL,
	`media_type` text NOT NULL,
	`bytes` text NOT NULL,
	`sha256` text NOT NULL,
	`iat` integer NOT NULL,
	`exp` integer,
	`cap` integer,
	`kid` text NOT NULL,
	`generation` integer NOT NULL,
	`cut` integer DEFAULT 0 NOT NULL,
	`member_id` text,
	`organization_id` text,
	`renew_at` integer,
	`lease_until` integer DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `artefact_place` ON `artefact` (`authority_id`,`kind`,`key`,`variant`);--> statement-breakpoint
CREATE INDEX `artefact_renew` ON `artefact` (`renew_at`);--> statement-breakpoint
CREATE INDEX `artefact_member` ON `artefact` (`member_id`);--> statement-breakpoint
CREATE INDEX `artefact_generation` ON `artefact` (`authority_id`,`generation`);--> statement-breakpoint
CREATE TABLE `authority` (
	`id` text PRIMARY KEY NOT NULL,
	`slug` text NOT NULL,
	`entity_id` text NOT NULL,
	`state` text NOT NULL,
	`metadata` text NOT NULL,
	`claims` text NOT NULL,
	`authority_hints` text NOT NULL,
	`configuration_lifetime_s` integer NOT NULL,
	`statement_lifetime_s` integer NOT NULL,
	`client_auth` text NOT NULL,
	`key_alg` text NOT NULL,
	`key_rotation_s` integer,
	`generation` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `authority_slug_unique` ON `authority` (`slug`);--> statement-breakpoint
CREATE UNIQUE INDEX `authority_entity_id_unique` ON `authority` (`entity_id`);--> statement-breakpoint
CREATE TABLE `authority_key` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`kid` text NOT NULL,
	`alg` text NOT NULL,
	`state` text NOT NULL,
	`jwk` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`staged_at` integer,
	`active_at` integer,
	`retiring_at` integer,
	`ended_at` integer,
	`revoked_reason` text,
	`superior_ready_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `authority_key_kid` ON `authority_key` (`authority_id`,`kid`);--> statement-breakpoint
CREATE TABLE `event` (
	`authority_id` text NOT NULL,
	`seq` integer NOT NULL,
	`at` integer NOT NULL,
	`type` text NOT NULL,
	`subject_kind` text NOT NULL,
	`subject_id` text NOT NULL,
	`actor_id` text NOT NULL,
	`actor_kind` text NOT NULL,
	`reason` text,
	`detail` text NOT NULL,
	`artefacts` text NOT NULL,
	`prev_hash` text NOT NULL,
	`hash` text NOT NULL,
	PRIMARY KEY(`authority_id`, `seq`)
);
--> statement-breakpoint
CREATE INDEX `event_subject` ON `event` (`authority_id`,`subject_id`,`seq`);--> statement-breakpoint
CREATE TABLE `idempotency` (
	`actor_id` text NOT NULL,
	`key` text NOT NULL,
	`request_sha256` text NOT NULL,
	`status` integer NOT NULL,
	`response` text,
	`expires_at` integer NOT NULL,
	PRIMARY KEY(`actor_id`, `key`)
);
--> statement-breakpoint
CREATE INDEX `idempotency_expires` ON `idempotency` (`expires_at`);--> statement-breakpoint
CREATE TABLE `job` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`kind` text NOT NULL,
	`state` text NOT NULL,
	`total` integer NOT NULL,
	`done` integer NOT NULL,
	`refused` integer NOT NULL,
	`params` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE `job_refusal` (
	`job_id` text NOT NULL,
	`line` integer NOT NULL,
	`entity_id` text,
	`code` text NOT NULL,
	`detail` text NOT NULL,
	PRIMARY KEY(`job_id`, `line`)
);
--> statement-breakpoint
CREATE TABLE `member` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`organization_id` text,
	`entity_id` text NOT NULL,
	`state` text NOT NULL,
	`state_reason` text,
	`entity_types` text NOT NULL,
	`intermediate` integer NOT NULL,
	`jwks` text NOT NULL,
	`keys_iat` integer,
	`metadata` text NOT NULL,
	`constraints` text NOT NULL,
	`claims` text NOT NULL,
	`crit` text NOT NULL,
	`statement_lifetime_s` integer,
	`valid_until` integer,
	`cut` integer NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `member_entity` ON `member` (`authority_id`,`entity_id`);--> statement-breakpoint
CREATE INDEX `member_state` ON `member` (`authority_id`,`state`,`entity_id`);--> statement-breakpoint
CREATE INDEX `member_organization` ON `member` (`authority_id`,`organization_id`);--> statement-breakpoint
CREATE TABLE `metadata_policy` (
	`authority_id` text NOT NULL,
	`version` integer NOT NULL,
	`state` text NOT NULL,
	`metadata_policy` text NOT NULL,
	`metadata_policy_crit` text NOT NULL,
	`constraints` text NOT NULL,
	`note` text,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`published_at` integer,
	PRIMARY KEY(`authority_id`, `version`)
);
--> statement-breakpoint
CREATE TABLE `organization` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`legal_name` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX `organization_name` ON `organization` (`authority_id`,`legal_name`);--> statement-breakpoint
CREATE TABLE `setting` (
	`name` text PRIMARY KEY NOT NULL,
	`value` text NOT NULL
);
--> statement-breakpoint
CREATE TABLE `used_assertion` (
	`issuer` text NOT NULL,
	`jti` text NOT NULL,
	`exp` integer NOT NULL,
	PRIMARY KEY(`issuer`, `jti`)
);
--> statement-breakpoint
CREATE INDEX `used_assertion_exp` ON `used_assertion` (`exp`);