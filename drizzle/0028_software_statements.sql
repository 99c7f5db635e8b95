CREATE TABLE `client_registration` (
	`authority_id` text NOT NULL,
	`member_id` text NOT NULL,
	`server` text NOT NULL,
	`client_id` text NOT NULL,
	`method` text NOT NULL,
	`software_statement_jti` text,
	`registered_at` integer NOT NULL,
	`ended_at` integer,
	PRIMARY KEY(`server`, `client_id`, `authority_id`)
);
--> statement-breakpoint
CREATE INDEX `client_registration_authority` ON `client_registration` (`authority_id`,`registered_at`,`server`,`client_id`);--> statement-breakpoint
CREATE INDEX `client_registration_member` ON `client_registration` (`member_id`,`ended_at`);--> statement-breakpoint
CREATE INDEX `client_registration_ended` ON `client_registration` (`ended_at`) WHERE ended_at IS NOT NULL;--> statement-breakpoint
CREATE TABLE `initial_access_token` (
	`jti` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`member_id` text NOT NULL,
	`format` text NOT NULL,
	`sha256` text NOT NULL,
	`audience` text NOT NULL,
	`jkt` text NOT NULL,
	`software_statement_jti` text,
	`cut` integer NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`exp` integer NOT NULL,
	`revoked_at` integer,
	`redeemed_at` integer,
	`request_sha256` text
);
--> statement-breakpoint
CREATE UNIQUE INDEX `initial_access_token_sha256_unique` ON `initial_access_token` (`sha256`);--> statement-breakpoint
CREATE INDEX `initial_access_token_authority` ON `initial_access_token` (`authority_id`,`created_at`,`jti`);--> statement-breakpoint
CREATE INDEX `initial_access_token_member` ON `initial_access_token` (`member_id`,`exp`);--> statement-breakpoint
CREATE INDEX `initial_access_token_exp` ON `initial_access_token` (`exp`);--> statement-breakpoint
CREATE TABLE `software_statement` (
	`jti` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`member_id` text NOT NULL,
	`sha256` text NOT NULL,
	`audience` text,
	`software_id` text,
	`software_version` text,
	`scope` text NOT NULL,
	`keys` text NOT NULL,
	`entitlement_version` integer NOT NULL,
	`cut` integer NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`exp` integer NOT NULL,
	`revoked_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `software_statement_sha256_unique` ON `software_statement` (`sha256`);--> statement-breakpoint
CREATE INDEX `software_statement_authority` ON `software_statement` (`authority_id`,`created_at`,`jti`);--> statement-breakpoint
CREATE INDEX `software_statement_member` ON `software_statement` (`member_id`,`exp`);--> statement-breakpoint
CREATE INDEX `software_statement_exp` ON `software_statement` (`exp`);