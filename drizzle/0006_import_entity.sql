CREATE TABLE `import_entity` (
	`job_id` text NOT NULL,
	`entity_id` text NOT NULL,
	PRIMARY KEY(`job_id`, `entity_id`)
);
