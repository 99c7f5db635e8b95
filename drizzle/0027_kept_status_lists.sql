CREATE TABLE `kept_status_list` (
	`authority_id` text NOT NULL,
	`list` integer NOT NULL,
	`iat` integer NOT NULL,
	`exp` integer NOT NULL,
	`cut` integer NOT NULL,
	`kid` text NOT NULL,
	`sha256` text NOT NULL,
	`bytes` text NOT NULL,
	`says` text NOT NULL,
	PRIMARY KEY(`authority_id`, `list`, `iat`)
);
--> statement-breakpoint
CREATE INDEX `kept_status_list_iat` ON `kept_status_list` (`iat`);