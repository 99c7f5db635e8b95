ALTER TABLE `authority` ADD `statements_changed_at` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `ec_location` text DEFAULT 'needed' NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `ec_location` text;--> statement-breakpoint
ALTER TABLE `member` ADD `domain_control` text;--> statement-breakpoint
CREATE INDEX `member_updated` ON `member` (`authority_id`,`state`,`updated_at`,`entity_id`);