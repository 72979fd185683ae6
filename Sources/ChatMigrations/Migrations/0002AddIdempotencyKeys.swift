extension Migration {
    /// Idempotency keys: a message's is unique in its chat, a chat's among all chats.
    ///
    /// The keys of chats are a table of their own, so that every unique constraint of a table that could be distributed by
    /// chat begins with the chat's id. That table itself could not: its keys stand for chats that are not there yet.
    static let addIdempotencyKeys = Migration(
        revision: "0002",
        summary: "add idempotency keys",
        sqlite: Scripts(
            up: """
                ALTER TABLE messages ADD COLUMN idempotency_key TEXT
                    CHECK (length(idempotency_key) BETWEEN 1 AND 255);
                ALTER TABLE messages ADD COLUMN idempotency_fingerprint INTEGER
                    CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL));
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;

                CREATE TABLE chat_idempotency_keys (
                    idempotency_key TEXT NOT NULL PRIMARY KEY CHECK (length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint INTEGER NOT NULL,
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE
                ) STRICT, WITHOUT ROWID;
                CREATE INDEX chat_idempotency_keys_chat_id ON chat_idempotency_keys (chat_id);
                """,
            down: """
                DROP TABLE chat_idempotency_keys;
                DROP INDEX messages_idempotency_key;
                ALTER TABLE messages DROP COLUMN idempotency_fingerprint;
                ALTER TABLE messages DROP COLUMN idempotency_key;
                """
        ),
        postgresql: Scripts(
            up: """
                ALTER TABLE messages
                    ADD COLUMN idempotency_key text CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
                    ADD COLUMN idempotency_fingerprint bigint,
                    ADD CHECK ((idempotency_fingerprint IS NULL) = (idempotency_key IS NULL));
                CREATE UNIQUE INDEX messages_idempotency_key ON messages (chat_id, idempotency_key)
                    WHERE idempotency_key IS NOT NULL;

                CREATE TABLE chat_idempotency_keys (
                    idempotency_key text PRIMARY KEY CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
                    idempotency_fingerprint bigint NOT NULL,
                    chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE
                );
                CREATE INDEX chat_idempotency_keys_chat_id ON chat_idempotency_keys (chat_id);
                """,
            down: """
                DROP TABLE chat_idempotency_keys;
                DROP INDEX messages_idempotency_key;
                ALTER TABLE messages DROP COLUMN idempotency_fingerprint, DROP COLUMN idempotency_key;
                """
        )
    )
}
