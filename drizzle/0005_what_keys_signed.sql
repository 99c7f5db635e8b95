ALTER TABLE `authority` ADD `configuration_exp` integer;--> statement-breakpoint
ALTER TABLE `authority_key` ADD `signed_until` integer;--> statement-breakpoint
ALTER TABLE `authority_key` ADD `unseen_until` integer;--> statement-breakpoint
UPDATE `authority` SET `configuration_exp` = (SELECT max(`exp`) FROM `artefact` WHERE `artefact`.`authority_id` = `authority`.`id` AND `artefact`.`kind` = 'entity_configuration');--> statement-breakpoint
UPDATE `authority_key` SET `signed_until` = (SELECT max(CASE WHEN `a`.`exp` IS NULL AND `a`.`kind` = 'mark' THEN 253402300799 ELSE `a`.`exp` END) FROM `artefact` AS `a` WHERE `a`.`authority_id` = `authority_key`.`authority_id` AND `a`.`kid` = `authority_key`.`kid` AND `a`.`kind` <> 'hosted') WHERE `state` = 'active';
