ALTER TABLE `authority` ADD `entity_collection` integer DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE `snapshot` ADD `ui_infos` text DEFAULT '{}' NOT NULL;--> statement-breakpoint
CREATE INDEX `snapshot_collected` ON `snapshot` (`authority_id`,`trust_anchor`,`subject`);--> statement-breakpoint
CREATE INDEX `snapshot_evaluated` ON `snapshot` (`authority_id`,`trust_anchor`,`evaluated_at`);