CREATE TABLE `listed_entity` (
	`authority_id` text NOT NULL,
	`superior` text NOT NULL,
	`entity_id` text NOT NULL,
	PRIMARY KEY(`authority_id`, `superior`, `entity_id`)
);
--> statement-breakpoint
CREATE INDEX `listed_entity_id` ON `listed_entity` (`authority_id`,`entity_id`);--> statement-breakpoint
CREATE TABLE `superior_listing` (
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`url` text,
	`host` text NOT NULL,
	`etag` text,
	`sha256` text,
	`due_at` integer NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`checked_at` integer,
	`changed_at` integer,
	`problem` text,
	PRIMARY KEY(`authority_id`, `entity_id`)
);
--> statement-breakpoint
CREATE INDEX `superior_listing_due` ON `superior_listing` (`due_at`);--> statement-breakpoint
CREATE INDEX `superior_listing_of` ON `superior_listing` (`entity_id`);