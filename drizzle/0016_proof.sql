CREATE TABLE `audit_key` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`kid` text NOT NULL,
	`alg` text NOT NULL,
	`jwk` text NOT NULL,
	`sealed` text NOT NULL,
	`created_at` integer NOT NULL,
	`retired_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `audit_key_kid` ON `audit_key` (`authority_id`,`kid`);--> statement-breakpoint
CREATE UNIQUE INDEX `audit_key_active` ON `audit_key` (`authority_id`) WHERE retired_at IS NULL;--> statement-breakpoint
CREATE TABLE `checkpoint` (
	`authority_id` text NOT NULL,
	`n` integer NOT NULL,
	`seq` integer NOT NULL,
	`head` text NOT NULL,
	`iat` integer NOT NULL,
	`kid` text NOT NULL,
	`jws` text NOT NULL,
	`sha256` text NOT NULL,
	PRIMARY KEY(`authority_id`, `n`)
);
--> statement-breakpoint
CREATE INDEX `checkpoint_seq` ON `checkpoint` (`authority_id`,`seq`,`n`);--> statement-breakpoint
CREATE TABLE `event_private` (
	`authority_id` text NOT NULL,
	`seq` integer NOT NULL,
	`salt` text,
	`payload` text,
	`erased_at` integer,
	`erased_by` text,
	`erased_seq` integer,
	PRIMARY KEY(`authority_id`, `seq`)
);
--> statement-breakpoint
ALTER TABLE `event` ADD `format` integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `event` ADD `reason_code` text;--> statement-breakpoint
ALTER TABLE `event` ADD `private_commitment` text;