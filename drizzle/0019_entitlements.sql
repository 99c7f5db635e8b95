CREATE TABLE `entitlement_bundle` (
	`authority_id` text NOT NULL,
	`name` text NOT NULL,
	`state` text NOT NULL,
	`description` text,
	`entitlements` text NOT NULL,
	`created_by` text NOT NULL,
	`created_at` integer NOT NULL,
	`updated_at` integer NOT NULL,
	`v` integer NOT NULL,
	PRIMARY KEY(`authority_id`, `name`)
);
--> statement-breakpoint
ALTER TABLE `member` ADD `entitlements` text;--> statement-breakpoint
ALTER TABLE `member` ADD `bundles` text DEFAULT '[]' NOT NULL;--> statement-breakpoint
ALTER TABLE `member` ADD `entitlement_version` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX `member_entitled` ON `member` (`authority_id`,`entity_id`) WHERE bundles <> '[]' OR entitlements IS NOT NULL;