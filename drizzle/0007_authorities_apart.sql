ALTER TABLE `authority` ADD `place` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `state_reason` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `cut` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX `authority_place_unique` ON `authority` (`place`);--> statement-breakpoint
ALTER TABLE `member` ADD `suspended_with` text;--> statement-breakpoint
CREATE INDEX `member_suspended_with` ON `member` (`suspended_with`) WHERE suspended_with IS NOT NULL;--> statement-breakpoint
ALTER TABLE `organization` ADD `state` text DEFAULT 'active' NOT NULL;--> statement-breakpoint
ALTER TABLE `organization` ADD `state_reason` text;