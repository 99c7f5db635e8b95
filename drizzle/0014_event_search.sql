CREATE INDEX `event_at` ON `event` (`authority_id`,`at`,`seq`);--> statement-breakpoint
CREATE INDEX `event_actor` ON `event` (`authority_id`,`actor_id`,`seq`);--> statement-breakpoint
CREATE INDEX `event_type` ON `event` (`authority_id`,`type`,`seq`);