ALTER TABLE `known_entity` ADD `line` integer DEFAULT 2 NOT NULL;--> statement-breakpoint
CREATE INDEX `known_entity_line` ON `known_entity` (`line`,`due_at`);--> statement-breakpoint
UPDATE known_entity SET line = CASE WHEN attempts > 0 THEN 3 WHEN EXISTS (SELECT 1 FROM snapshot AS s WHERE s.authority_id = known_entity.authority_id AND s.subject = known_entity.entity_id AND s.state = 'valid') THEN 1 WHEN evaluated_at IS NOT NULL THEN 3 WHEN source = 'member' THEN 0 ELSE 2 END;
