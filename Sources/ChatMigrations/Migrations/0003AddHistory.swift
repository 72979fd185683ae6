extension Migration {
    /// Edits, deletions, answers and metadata, lists of chats by activity, and chats that are deleted bit by bit.
    ///
    /// A message stays where it was posted and is changed there; `changes` holds the log's other entries, without any text.
    static let addHistory = Migration(
        revision: "0003",
        summary: "add edits, deletions and metadata",
        sqlite: Scripts(
            up: """
                ALTER TABLE chats ADD COLUMN metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384);
                ALTER TABLE chats ADD COLUMN message_count INTEGER NOT NULL DEFAULT 0 CHECK (message_count >= 0);
                ALTER TABLE chats ADD COLUMN last_message_at INTEGER;
                ALTER TABLE chats ADD COLUMN deleted_at INTEGER;
                UPDATE chats SET
                    message_count = (SELECT count(*) FROM messages WHERE chat_id = chats.id),
                    last_message_at =
                        (SELECT created_at FROM messages WHERE chat_id = chats.id ORDER BY seq DESC LIMIT 1);
                CREATE INDEX chats_last_entry_at ON chats (last_entry_at, id) WHERE deleted_at IS NULL;
                CREATE INDEX chats_deleted_at ON chats (deleted_at) WHERE deleted_at IS NOT NULL;

                ALTER TABLE messages ADD COLUMN metadata TEXT CHECK (length(CAST(metadata AS BLOB)) <= 16384);
                ALTER TABLE messages ADD COLUMN reply_to INTEGER;
                ALTER TABLE messages ADD COLUMN revision INTEGER NOT NULL DEFAULT 1 CHECK (revision >= 1);
                ALTER TABLE messages ADD COLUMN edited_at INTEGER;
                ALTER TABLE messages ADD COLUMN deleted_at INTEGER
                    CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL));
                CREATE UNIQUE INDEX messages_id ON messages (chat_id, id);

                CREATE TABLE changes (
                    chat_id INTEGER NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq INTEGER NOT NULL CHECK (seq >= 1),
                    kind TEXT NOT NULL CHECK (kind IN ('message.updated', 'message.deleted', 'chat.updated')),
                    message_id INTEGER CHECK ((message_id IS NULL) = (kind = 'chat.updated')),
                    created_at INTEGER NOT NULL,
                    PRIMARY KEY (chat_id, seq)
                ) STRICT, WITHOUT ROWID;
                """,
            // The positions of what goes away stay empty.
            down: """
                DROP TABLE changes;
                DELETE FROM chats WHERE deleted_at IS NOT NULL;
                DELETE FROM messages WHERE deleted_at IS NOT NULL;
                DROP INDEX messages_id;
                ALTER TABLE messages DROP COLUMN deleted_at;
                ALTER TABLE messages DROP COLUMN edited_at;
                ALTER TABLE messages DROP COLUMN revision;
                ALTER TABLE messages DROP COLUMN reply_to;
                ALTER TABLE messages DROP COLUMN metadata;
                DROP INDEX chats_deleted_at;
                DROP INDEX chats_last_entry_at;
                ALTER TABLE chats DROP COLUMN deleted_at;
                ALTER TABLE chats DROP COLUMN last_message_at;
                ALTER TABLE chats DROP COLUMN message_count;
                ALTER TABLE chats DROP COLUMN metadata;
                """
        ),
        postgresql: Scripts(
            up: """
                ALTER TABLE chats
                    ADD COLUMN metadata text CHECK (octet_length(metadata) <= 16384),
                    ADD COLUMN message_count bigint NOT NULL DEFAULT 0 CHECK (message_count >= 0),
                    ADD COLUMN last_message_at timestamptz,
                    ADD COLUMN deleted_at timestamptz;
                UPDATE chats SET
                    message_count = (SELECT count(*) FROM messages WHERE chat_id = chats.id),
                    last_message_at =
                        (SELECT created_at FROM messages WHERE chat_id = chats.id ORDER BY seq DESC LIMIT 1);
                CREATE INDEX chats_last_entry_at ON chats (last_entry_at, id) WHERE deleted_at IS NULL;
                CREATE INDEX chats_deleted_at ON chats (deleted_at) WHERE deleted_at IS NOT NULL;

                ALTER TABLE messages
                    ADD COLUMN metadata text CHECK (octet_length(metadata) <= 16384),
                    ADD COLUMN reply_to bigint,
                    ADD COLUMN revision bigint NOT NULL DEFAULT 1 CHECK (revision >= 1),
                    ADD COLUMN edited_at timestamptz,
                    ADD COLUMN deleted_at timestamptz,
                    ADD CHECK (deleted_at IS NULL OR (text = '' AND metadata IS NULL));
                CREATE UNIQUE INDEX messages_id ON messages (chat_id, id);

                CREATE TABLE changes (
                    chat_id bigint NOT NULL REFERENCES chats (id) ON DELETE CASCADE,
                    seq bigint NOT NULL CHECK (seq >= 1),
                    kind text NOT NULL CHECK (kind IN ('message.updated', 'message.deleted', 'chat.updated')),
                    message_id bigint CHECK ((message_id IS NULL) = (kind = 'chat.updated')),
                    created_at timestamptz NOT NULL,
                    PRIMARY KEY (chat_id, seq)
                );
                """,
            down: """
                DROP TABLE changes;
                DELETE FROM chats WHERE deleted_at IS NOT NULL;
                DELETE FROM messages WHERE deleted_at IS NOT NULL;
                DROP INDEX messages_id;
                ALTER TABLE messages
                    DROP COLUMN deleted_at,
                    DROP COLUMN edited_at,
                    DROP COLUMN revision,
                    DROP COLUMN reply_to,
                    DROP COLUMN metadata;
                DROP INDEX chats_deleted_at;
                DROP INDEX chats_last_entry_at;
                ALTER TABLE chats
                    DROP COLUMN deleted_at,
                    DROP COLUMN last_message_at,
                    DROP COLUMN message_count,
                    DROP COLUMN metadata;
                """
        )
    )
}
