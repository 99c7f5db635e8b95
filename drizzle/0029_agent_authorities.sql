ALTER TABLE `authority` ADD `agents_of` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `agents_as` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `agents_by` text;--> statement-breakpoint
ALTER TABLE `authority` ADD `agents_living` integer;--> statement-breakpoint
ALTER TABLE `authority` ADD `agents_per_day` integer;--> statement-breakpoint
ALTER TABLE `authority` ADD `agents_life_s` integer;