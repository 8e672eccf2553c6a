-- dueq schema, version 1: MariaDB 10.6 or later, MySQL 8.0.16 or later.
-- Applied by `dueq migrate`, or by hand: mysql shop < 0001_init.sql
-- Running it again, or after it was interrupted, does no harm.

CREATE TABLE IF NOT EXISTS dueq_job (
    id           BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    queue        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'default',
    kind         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    payload      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    headers      JSON NULL,
    priority     TINYINT UNSIGNED NOT NULL DEFAULT 5,           -- 0 first, 9 last
    next_run_at  TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), -- its delay, its retry time, its lease's end
    state        ENUM('ready', 'prepared') CHARACTER SET ascii COLLATE ascii_bin NOT NULL DEFAULT 'ready',
    attempts     INT UNSIGNED NOT NULL DEFAULT 0,               -- attempts begun
    max_attempts INT UNSIGNED NULL,                             -- NULL: the retry policy's
    retry        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL, -- a retry policy's name; NULL: the kind's
    lease        BIGINT UNSIGNED NULL,                          -- token of the claim that holds it; NULL: free
    unique_key   VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ordering_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    created_at   TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    PRIMARY KEY (id),
    UNIQUE KEY unique_key (unique_key),
    KEY due (queue, priority, next_run_at),
    CONSTRAINT dueq_job_kind CHECK (kind <> ''),
    CONSTRAINT dueq_job_priority CHECK (priority <= 9),
    CONSTRAINT dueq_job_prepared CHECK (state <> 'prepared' OR next_run_at > created_at)
) ENGINE = InnoDB;

-- What could not succeed. A key of its own, since a re-driven job can die twice.
CREATE TABLE IF NOT EXISTS dueq_dead (
    dead_id      BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    id           BIGINT UNSIGNED NOT NULL,                      -- the job's; a redrive gives it back
    queue        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind         VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    payload      MEDIUMTEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    headers      JSON NULL,
    priority     TINYINT UNSIGNED NOT NULL,
    next_run_at  TIMESTAMP(6) NULL,                             -- NULL: it was no date
    state        VARCHAR(16) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempts     INT UNSIGNED NOT NULL,
    max_attempts INT UNSIGNED NULL,
    retry        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NULL,
    unique_key   VARCHAR(190) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    ordering_key VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NULL,
    created_at   TIMESTAMP(6) NULL,
    died_at      TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    reason       VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- handler, exhausted, expired, cancelled, invalid, crashed
    message      TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- why, in words
    PRIMARY KEY (dead_id),
    KEY job (id),
    KEY kind (kind, died_at)
) ENGINE = InnoDB;

-- One row for each failed attempt.
CREATE TABLE IF NOT EXISTS dueq_error (
    error_id     BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
    job_id       BIGINT UNSIGNED NOT NULL,
    attempt      INT UNSIGNED NOT NULL,
    at           TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    worker       VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- host:pid
    message      TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    PRIMARY KEY (error_id),
    KEY job (job_id, attempt)
) ENGINE = InnoDB;

-- What an operator changes while daemons run. No row: all defaults.
CREATE TABLE IF NOT EXISTS dueq_queue (
    queue        VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    paused       TINYINT UNSIGNED NOT NULL DEFAULT 0,           -- 1: nothing is claimed from it
    concurrency  INT UNSIGNED NULL,                             -- jobs of it that one daemon has in flight; NULL: its configuration's
    rate         INT UNSIGNED NULL,                             -- jobs a second that one daemon begins; NULL: no limit
    updated_at   TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (queue)
) ENGINE = InnoDB;

-- Who is alive.
CREATE TABLE IF NOT EXISTS dueq_worker (
    worker_id    BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,       -- the upper bits of its lease tokens
    name         VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- host:pid
    version      VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    started_at   TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6),
    seen_at      TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6), -- its last heartbeat
    status       JSON NULL,                                     -- queues, running, counters, unbound kinds
    PRIMARY KEY (worker_id)
) ENGINE = InnoDB;

-- One row: which schema this is, and which source.
CREATE TABLE IF NOT EXISTS dueq_schema (
    only_row     TINYINT UNSIGNED NOT NULL DEFAULT 1,
    version      INT UNSIGNED NOT NULL,
    source_id    CHAR(36) CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- the first part of every message id
    migrated_at  TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6) ON UPDATE CURRENT_TIMESTAMP(6),
    PRIMARY KEY (only_row),
    CONSTRAINT dueq_schema_only_row CHECK (only_row = 1)
) ENGINE = InnoDB;

INSERT INTO dueq_schema (version, source_id) VALUES (1, UUID())
    ON DUPLICATE KEY UPDATE version = GREATEST(version, 1); -- what is newer stays what it is
