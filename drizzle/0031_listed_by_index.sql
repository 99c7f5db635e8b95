DROP INDEX `member_state`;--> statement-breakpoint
CREATE INDEX `member_listed` ON `member` (`authority_id`,`state`,`entity_id`,`valid_until`,`keys_until`,`accredited_until`,`reattest_by`,`intermediate`);--> statement-breakpoint
CREATE INDEX `member_placed` ON `member` (`authority_id`,`status_list`,`status_idx`,`id`,`state`,`not_before`,`valid_until`,`keys_until`,`accredited_until`,`reattest_by`);