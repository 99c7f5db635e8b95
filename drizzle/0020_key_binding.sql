CREATE TABLE `key_challenge` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`member_id` text NOT NULL,
	`nonce_sha256` text NOT NULL,
	`purpose` text NOT NULL,
	`jwks` text NOT NULL,
	`created_at` integer NOT NULL,
	`expires_at` integer NOT NULL,
	`used_at` integer
);
--> statement-breakpoint
CREATE INDEX `key_challenge_member` ON `key_challenge` (`member_id`,`expires_at`);--> statement-breakpoint
CREATE TABLE `key_standing` (
	`member_id` text NOT NULL,
	`thumbprint` text NOT NULL,
	`authority_id` text NOT NULL,
	`proven_at` integer,
	`proof_purpose` text,
	`proof_sha256` text,
	`confirmed_at` integer,
	`confirmed_by` text,
	`confirmed_channel` text,
	PRIMARY KEY(`member_id`, `thumbprint`)
);
--> statement-breakpoint
ALTER TABLE `authority` ADD `key_proof` text DEFAULT 'optional' NOT NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `second_channel` text DEFAULT 'never' NOT NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `certificate_roots` text;--> statement-breakpoint
ALTER TABLE `member` ADD `keys_until` integer;