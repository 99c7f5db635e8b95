ALTER TABLE `authority` ADD `serves_from` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `keys_from` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `authority` ADD `rests_void` integer DEFAULT 0 NOT NULL;