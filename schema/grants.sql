-- The users of a dueq database, with what each one needs and no more. docs/grants.md says what each privilege is for.
-- MariaDB 10.6 or later, MySQL 8.0.16 or later.
--
-- Replace the words between @ signs, then run it as an administrator. It comes in two parts, since a privilege on a table
-- can only be given once the table is there: run part 1, then `dueq migrate` as the owner (or have an administrator
-- run mysql DATABASE < 0001_init.sql), then part 2. Running a part again does no harm.
--
--   @DATABASE@                        the database that holds the dueq_ tables
--   @HOST@                            from where they connect, '%' for anywhere
--   @OWNER@ @OWNER_PASSWORD@          applies and updates the schema
--   @DAEMON@ @DAEMON_PASSWORD@        dueqd
--   @PRODUCER@ @PRODUCER_PASSWORD@    an application; it often has a user already, which then only needs its line
--   @OPERATOR@ @OPERATOR_PASSWORD@    a person or a script that uses the dueq command

-- Part 1: the users.

CREATE USER IF NOT EXISTS '@OWNER@'@'@HOST@' IDENTIFIED BY '@OWNER_PASSWORD@';
CREATE USER IF NOT EXISTS '@DAEMON@'@'@HOST@' IDENTIFIED BY '@DAEMON_PASSWORD@';
CREATE USER IF NOT EXISTS '@PRODUCER@'@'@HOST@' IDENTIFIED BY '@PRODUCER_PASSWORD@';
CREATE USER IF NOT EXISTS '@OPERATOR@'@'@HOST@' IDENTIFIED BY '@OPERATOR_PASSWORD@';

GRANT CREATE, ALTER, INDEX, SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.* TO '@OWNER@'@'@HOST@';

-- Part 2: the tables.

GRANT SELECT, UPDATE, DELETE ON `@DATABASE@`.dueq_job TO '@DAEMON@'@'@HOST@';
GRANT INSERT ON `@DATABASE@`.dueq_dead TO '@DAEMON@'@'@HOST@';
GRANT SELECT, INSERT, DELETE ON `@DATABASE@`.dueq_error TO '@DAEMON@'@'@HOST@';
GRANT SELECT ON `@DATABASE@`.dueq_queue TO '@DAEMON@'@'@HOST@';
GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_worker TO '@DAEMON@'@'@HOST@';
GRANT SELECT ON `@DATABASE@`.dueq_schema TO '@DAEMON@'@'@HOST@';

GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_job TO '@PRODUCER@'@'@HOST@';

GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_job TO '@OPERATOR@'@'@HOST@';
GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_dead TO '@OPERATOR@'@'@HOST@';
GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_error TO '@OPERATOR@'@'@HOST@';
GRANT SELECT, INSERT, UPDATE, DELETE ON `@DATABASE@`.dueq_queue TO '@OPERATOR@'@'@HOST@';
GRANT SELECT ON `@DATABASE@`.dueq_worker TO '@OPERATOR@'@'@HOST@';
GRANT SELECT ON `@DATABASE@`.dueq_schema TO '@OPERATOR@'@'@HOST@';
