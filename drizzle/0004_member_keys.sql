ALTER TABLE `member` ADD `removed_keys` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `keys_followed_at` integer;