extension Migration {
    /// Lets a message's text grow while it is read.
    ///
    /// `state` is NULL for a message that was posted whole. An open message has a lease (`expires_at`), which its
    /// writer renews for `ttl` seconds, and `writer_epoch`, which counts the servers that have taken it over. Once it has
    /// ended, only `state` and `reason` are left. The text of a streamed message may be longer than others.
    static let streamMessages = Migration(
        revision: "0004",
        summary: "stream messages",
        sqlite: Scripts(
            // SQLite cannot change a CHECK, so the table is copied. The index finds open messages; it contains nothing
            // that a growing text or a renewed lease changes.
            up: """
                CREATE TABLE streamed_messages (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    id INTEGER NOT NULL CHECK (id >= 1),
                    author TEXT NOT NULL DEFAULT '' CHECK (length(author) <= 128),
                    text TEXT NOT NULL CHECK (length(text) <= iif(state IS NULL, 5000, 32768)),
                    metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384),
                    reply_to INTEGER,
                    revision INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1),
                    created_at INTEGER NOT NULL,
                    edited_at INTEGER,
                    deleted_at INTEGER CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL)),
                    run_seq INTEGER CHECK (run_seq IS NULL OR deleted_at IS NOT NULL),
                    idempotency_key TEXT CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint INTEGER
                        CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL)),
                    state TEXT CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
                    reason TEXT CHECK (length(reason) <= 200),
                    ttl INTEGER CHECK (ttl BETWEEN 5 AND 600),
                    expires_at INTEGER CHECK ((expires_at IS NULL) = (ttl IS NULL)),
                    writer_epoch INTEGER CHECK ((writer_epoch IS NULL) = (ttl IS NULL)),
                    cancelled_at INTEGER CHECK (cancelled_at IS NULL OR ttl IS NOT NULL),
                    PRIMARY KEY (chat_id, seq),
                    CHECK ((ttl IS NOT NULL) = (state IS NOT NULL AND state = 'open'))
                ) STRICT, WITHOUT ROWID;
                INSERT INTO streamed_messages (
                    chat_id, seq, id, author, text, metadata, reply_to, revision, created_at, edited_at, deleted_at,
                    run_seq, idempotency_key, idempotency_fingerprint
                )
                SELECT
                    chat_id, seq, id, author, text, metadata, reply_to, revision, created_at, edited_at, deleted_at,
                    run_seq, idempotency_key, idempotency_fingerprint
                FROM messages ORDER BY chat_id, seq;
                DROP TABLE messages;
                ALTER TABLE streamed_messages RENAME TO messages;
                CREATE UNIQUE INDEX messages_id ON messages (id, chat_id);
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, author, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;
                CREATE INDEX messages_open ON messages (chat_id, id) WHERE state = 'open';
                """,
            down: """
                CREATE TABLE whole_messages (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    id INTEGER NOT NULL CHECK (id >= 1),
                    author TEXT NOT NULL DEFAULT '' CHECK (length(author) <= 128),
                    text TEXT NOT NULL CHECK (length(text) <= 5000),
                    metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384),
                    reply_to INTEGER,
                    revision INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1),
                    created_at INTEGER NOT NULL,
                    edited_at INTEGER,
                    deleted_at INTEGER CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL)),
                    run_seq INTEGER CHECK (run_seq IS NULL OR deleted_at IS NOT NULL),
                    idempotency_key TEXT CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint INTEGER
                        CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL)),
                    PRIMARY KEY (chat_id, seq)
                ) STRICT, WITHOUT ROWID;
                INSERT INTO whole_messages
                SELECT
                    chat_id, seq, id, author, substr(text, 1, 5000), metadata, reply_to, revision, created_at, edited_at,
                    deleted_at, run_seq, idempotency_key, idempotency_fingerprint
                FROM messages ORDER BY chat_id, seq;
                DROP TABLE messages;
                ALTER TABLE whole_messages RENAME TO messages;
                CREATE UNIQUE INDEX messages_id ON messages (id, chat_id);
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, author, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;
                """,
            erases: erased,
            schema: StreamSchema.sqlite
        ),
        postgresql: Scripts(
            // A growing text and a renewed lease change no indexed column, so they may stay on the row's page (a HOT
            // update).
            up: """
                ALTER TABLE messages
                    ADD COLUMN state text CHECK (state IN ('open', 'done', 'failed', 'cancelled')),
                    ADD COLUMN reason text CHECK (char_length(reason) <= 200),
                    ADD COLUMN ttl bigint CHECK (ttl BETWEEN 5 AND 600),
                    ADD COLUMN expires_at timestamptz,
                    ADD COLUMN writer_epoch bigint,
                    ADD COLUMN cancelled_at timestamptz,
                    DROP CONSTRAINT messages_text_check,
                    ADD CHECK (char_length(text) <= CASE WHEN state IS NULL THEN 5000 ELSE 32768 END),
                    ADD CHECK ((expires_at IS NULL) = (ttl IS NULL)),
                    ADD CHECK ((writer_epoch IS NULL) = (ttl IS NULL)),
                    ADD CHECK (cancelled_at IS NULL OR ttl IS NOT NULL),
                    ADD CHECK ((ttl IS NOT NULL) = (state IS NOT NULL AND state = 'open'));
                CREATE INDEX messages_open ON messages (chat_id, id) WHERE state = 'open';
                """,
            down: """
                DROP INDEX messages_open;
                UPDATE messages SET text = left(text, 5000) WHERE state IS NOT NULL;
                ALTER TABLE messages
                    DROP COLUMN state,
                    DROP COLUMN reason,
                    DROP COLUMN ttl,
                    DROP COLUMN expires_at,
                    DROP COLUMN writer_epoch,
                    DROP COLUMN cancelled_at,
                    ADD CHECK (char_length(text) <= 5000);
                """,
            erases: erased,
            schema: StreamSchema.postgresql
        )
    )

    private static let erased =
        "how streamed messages ended, and what follows the first 5,000 characters of their texts"
}
