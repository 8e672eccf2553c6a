-- Only for doorbell = "binlog" in dueq.conf: what the daemon's user needs to follow the server's binlog.
-- docs/grants.md says what that lets it see, which is much. MariaDB 10.6 or later, MySQL 8.0.16 or later.
--
-- Replace the words between @ signs as in grants.sql, then run it as an administrator.
-- These are privileges on the whole server: none smaller lets anybody follow a binlog. (MariaDB shows
-- REPLICATION CLIENT as BINLOG MONITOR, its name there.)

GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO '@DAEMON@'@'@HOST@';
