CREATE TABLE `barred_identifier` (
	`id` text PRIMARY KEY NOT NULL,
	`authority_id` text NOT NULL,
	`entity_id` text NOT NULL,
	`member_id` text NOT NULL,
	`reason` text,
	`event_seq` integer,
	`barred_at` integer NOT NULL,
	`readmitted_at` integer
);
--> statement-breakpoint
CREATE UNIQUE INDEX `barred_identifier_now` ON `barred_identifier` (`authority_id`,`entity_id`) WHERE readmitted_at IS NULL;--> statement-breakpoint
CREATE INDEX `barred_identifier_of` ON `barred_identifier` (`authority_id`,`entity_id`);--> statement-breakpoint
CREATE TABLE `halted_key` (
	`thumbprint` text NOT NULL,
	`authority_id` text NOT NULL,
	`halted_at` integer NOT NULL,
	PRIMARY KEY(`thumbprint`, `authority_id`)
);
--> statement-breakpoint
ALTER TABLE `authority` ADD `not_before` integer;--> statement-breakpoint
ALTER TABLE `member` ADD `not_before` integer;--> statement-breakpoint
ALTER TABLE `member` ADD `predecessor` text;--> statement-breakpoint
ALTER TABLE `organization` ADD `registration_number` text;--> statement-breakpoint
ALTER TABLE `organization` ADD `jurisdiction` text;--> statement-breakpoint
CREATE INDEX `organization_registration` ON `organization` (`registration_number`) WHERE registration_number IS NOT NULL;--> statement-breakpoint
INSERT INTO barred_identifier (id, authority_id, entity_id, member_id, reason, event_seq, barred_at, readmitted_at)
SELECT 'bar_' || m.id, m.authority_id, m.entity_id, m.id, CASE WHEN m.state = 'revoked' THEN m.state_reason END, e.seq, coalesce(e.at, m.updated_at), NULL
FROM member AS m LEFT JOIN event AS e ON e.authority_id = m.authority_id AND e.seq =
  (SELECT max(r.seq) FROM event AS r WHERE r.authority_id = m.authority_id AND r.subject_id = m.id AND r.type = 'member.revoked')
WHERE m.state = 'revoked' OR (m.state = 'archived' AND e.seq IS NOT NULL AND NOT EXISTS
  (SELECT 1 FROM event AS n WHERE n.authority_id = m.authority_id AND n.subject_id = m.id AND n.type = 'member.enrolled' AND n.seq > e.seq));
