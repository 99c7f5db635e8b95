CREATE TABLE `registration_event` (
	`id` integer PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`at` integer NOT NULL,
	`event` text NOT NULL,
	`description` text
);
--> statement-breakpoint
CREATE INDEX `registration_event_of` ON `registration_event` (`authority_id`,`entity_id`,`id`);--> statement-breakpoint
ALTER TABLE `authority` ADD `subordinate_events` integer DEFAULT false NOT NULL;--> statement-breakpoint
INSERT INTO `registration_event` (`authority_id`, `entity_id`, `at`, `event`) SELECT `m`.`authority_id`, `m`.`entity_id`, `e`.`at`, CASE WHEN `e`.`type` = 'member.suspended' THEN 'suspension' WHEN `e`.`type` = 'member.revoked' THEN 'revocation' ELSE 'registration' END FROM `event` AS `e` JOIN `member` AS `m` ON `m`.`id` = `e`.`subject_id` AND `m`.`authority_id` = `e`.`authority_id` WHERE (`e`.`type` IN ('member.activated', 'member.resumed', 'member.suspended', 'member.revoked') OR (`e`.`type` = 'member.enrolled' AND `e`.`detail` LIKE '%"state":"active"%')) AND `e`.`detail` NOT LIKE '%"already":true%' ORDER BY `e`.`authority_id`, `e`.`seq`;--> statement-breakpoint
INSERT INTO `registration_event` (`authority_id`, `entity_id`, `at`, `event`) SELECT `m`.`authority_id`, `m`.`entity_id`, `m`.`updated_at`, CASE `m`.`state` WHEN 'active' THEN 'registration' WHEN 'suspended' THEN 'suspension' ELSE 'revocation' END FROM `member` AS `m` WHERE (`m`.`state` = 'active' AND coalesce((SELECT `r`.`event` FROM `registration_event` AS `r` WHERE `r`.`authority_id` = `m`.`authority_id` AND `r`.`entity_id` = `m`.`entity_id` ORDER BY `r`.`id` DESC LIMIT 1), '') <> 'registration') OR (`m`.`state` <> 'active' AND (SELECT `r`.`event` FROM `registration_event` AS `r` WHERE `r`.`authority_id` = `m`.`authority_id` AND `r`.`entity_id` = `m`.`entity_id` ORDER BY `r`.`id` DESC LIMIT 1) = 'registration');
